# Three images from one file: docker build --target service|training|scoring .
# The layers that change least often come first: Python, torch, other packages, the program.

# To build on another image: --build-arg PYTHON_IMAGE=python:3.11-slim
ARG PYTHON_IMAGE=python:3.11-slim@sha256:be1575ed968de893bd54f4c56315ff7c4736ce522c1bca08fd521731aafc0d76

FROM $PYTHON_IMAGE AS torch
RUN groupadd --gid 10001 sst \
    && useradd --uid 10001 --gid sst --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sst \
    && python -m venv --without-pip /opt/venv
# The package index with CPU builds of torch. For GPUs, use another index (one that ends in cu128, for example) or none:
# on Linux, pip then installs the GPU build, which is several gigabytes.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH="torch>=2.7,<3"
# --no-deps: the next layer installs torch's dependencies from the default index. Headers and protoc are not needed.
# hadolint ignore=DL3013
RUN --mount=type=cache,target=/root/.cache/pip \
    packages=/opt/venv/lib/python3.11/site-packages \
    && pip --python /opt/venv/bin/python install --no-deps --retries 1 \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$TORCH" \
    && if [ "${TORCH_INDEX##*/}" = cpu ] && grep -q '^Requires-Dist: nvidia' $packages/torch-*.dist-info/METADATA; then \
           echo "No CPU build of torch found at $TORCH_INDEX. To install the GPU build: --build-arg TORCH_INDEX=" >&2; \
           exit 1; \
       fi \
    && rm -r $packages/torch/include $packages/torch/bin/protoc*

# The distribution without its code: only the dependencies and the version. Package layers are rebuilt only when these
# change.
FROM $PYTHON_IMAGE AS distribution
WORKDIR /distribution
COPY pyproject.toml LICENSE ./
RUN sed -zi 's/\nreadme = [^\n]*//; s/\ndev = \[\n.*\n\]\n\n\[tool.setuptools.*/\n\n[tool.setuptools]\npackages = []\n/' pyproject.toml

# EXTRAS adds extras, separated by commas: columns,notify,signing,s3.
FROM torch AS service-packages
ARG EXTRAS=
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,from=distribution,source=/distribution,target=/distribution,rw \
    pip --python /opt/venv/bin/python install "/distribution[page,otel,postgres${EXTRAS:+,$EXTRAS}]" \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} +

FROM torch AS training-packages
ARG EXTRAS=
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,from=distribution,source=/distribution,target=/distribution,rw \
    pip --python /opt/venv/bin/python install "/distribution[training,grids${EXTRAS:+,$EXTRAS}]" \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} +

FROM torch AS scoring-packages
ARG EXTRAS=
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,from=distribution,source=/distribution,target=/distribution,rw \
    pip --python /opt/venv/bin/python install "/distribution[scoring${EXTRAS:+,$EXTRAS}]" \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} +

# Compile at build time, because containers run on a read-only file system. Make all files readable for the user of the
# container, even if the folder on the host is private.
FROM training-packages AS training
WORKDIR /app
COPY data data
COPY forecasting forecasting
COPY training training
COPY sst.py ./
COPY deploy/fill-artifacts.sh deploy/
COPY artifacts universal
# An empty volume inherits the owner of this folder.
RUN chmod -R a+rX . && python -m compileall -q forecasting training sst.py && install -d -o sst -g sst artifacts
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONPATH=/app MPLCONFIGDIR=/tmp/matplotlib PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
CMD ["deploy/fill-artifacts.sh"]

FROM scoring-packages AS scoring
WORKDIR /app
COPY forecasting forecasting
COPY scoring scoring
COPY sst.py ./
RUN chmod -R a+rX . && python -m compileall -q forecasting scoring sst.py
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["python", "-m", "scoring"]
CMD ["--help"]

# The modules of the page in one file, with the options of setup.py. Deno gets esbuild from npm's registry, or from the
# one that NPM_CONFIG_REGISTRY names. If DENO is empty, browsers load the modules one by one.
FROM $PYTHON_IMAGE AS page
ARG DENO=2.9.8
ARG NPM_CONFIG_REGISTRY
# Trust the certificates of the system too, such as that of a proxy.
ENV DENO_TLS_CA_STORE=system,mozilla
WORKDIR /page/bundle
COPY service/plugins/page/static/modules ../modules
RUN --mount=type=cache,target=/root/.cache/pip \
    [ -z "$DENO" ] || { pip install --root-user-action ignore "deno==$DENO" \
        && deno bundle --quiet --no-config --no-lock --platform=browser --minify --output=bundle.js ../modules/main.js; } \
    || { echo "Deno could not bundle the page. To build without a bundle: --build-arg DENO=" >&2; exit 1; }

# The last stage is the default target.
FROM service-packages AS service
WORKDIR /app
COPY forecasting forecasting
COPY service service
COPY --from=page /page/bundle service/plugins/page/static
COPY docs docs
COPY sst.py ./
# An empty volume inherits the owner of this folder. It stores the stations, unless SST_STORE names a server.
RUN chmod -R a+rX . && python -m compileall -q forecasting service sst.py && install -d -m 700 -o sst -g sst state
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 SST_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --start-interval=1s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=4)"]
CMD ["python", "-m", "service"]
