# Three images from one file: docker build --target service|training|scoring .
# Their layers, from the most lasting to the least: Python, torch, what else a program needs, the program.

FROM python:3.11-slim AS torch
RUN groupadd --gid 10001 sst \
    && useradd --uid 10001 --gid sst --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sst \
    && python -m venv --without-pip /opt/venv
# Where a build of torch for CPUs is to be had. For GPUs name another (its last part is cu128, say, not cpu), or none:
# what pip finds by itself is, on Linux, for GPUs and of several gigabytes.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH="torch>=2.6,<3"
# What torch needs comes with the next layer, from the usual index. Headers and compilers of messages are of no use here.
# hadolint ignore=DL3013
RUN --mount=type=cache,target=/root/.cache/pip \
    packages=/opt/venv/lib/python3.11/site-packages \
    && pip --python /opt/venv/bin/python install --no-deps --retries 1 \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$TORCH" \
    && if [ "${TORCH_INDEX##*/}" = cpu ] && grep -q '^Requires-Dist: nvidia' $packages/torch-*.dist-info/METADATA; then \
           echo "No torch for CPUs was found at $TORCH_INDEX. To take the one for GPUs: --build-arg TORCH_INDEX=" >&2; \
           exit 1; \
       fi \
    && rm -r $packages/torch/include $packages/torch/bin/protoc*

# The distribution without its code: the list of what each program needs, and the version that a program says it is of.
# Without anything else, so that packages are installed again only when that list changes.
FROM python:3.11-slim AS distribution
WORKDIR /distribution
COPY pyproject.toml LICENSE ./
RUN sed -zi 's/\nreadme = [^\n]*//; s/\ndev = \[\n.*\n\]\n\n\[tool.setuptools.*/\n\n[tool.setuptools]\npackages = []\n/' pyproject.toml

# Of plotly the service hands out one file, and imports nothing.
FROM torch AS service-packages
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,from=distribution,source=/distribution,target=/distribution,rw \
    pip --python /opt/venv/bin/python install '/distribution[page,otel]' \
    && find /opt/venv/lib/python3.11/site-packages/plotly -type f ! -name plotly.min.js -delete \
    && rm -rf /opt/venv/share/jupyter /opt/venv/etc/jupyter \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} +

FROM torch AS training-packages
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,from=distribution,source=/distribution,target=/distribution,rw \
    pip --python /opt/venv/bin/python install '/distribution[training,grids]' \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} +

FROM torch AS scoring-packages
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,from=distribution,source=/distribution,target=/distribution,rw \
    pip --python /opt/venv/bin/python install '/distribution[scoring]' \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} +

# Programs are compiled while their image is made, since nothing can be written where it runs; and may be read by the user
# who runs them, whoever could read the folder that they were copied from.
FROM training-packages AS training
WORKDIR /app
COPY data data
COPY forecasting forecasting
COPY training training
COPY sst.py ./
COPY deploy/fill-artifacts.sh deploy/
# An empty volume takes its owner from this folder.
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

# Last, so that it is what a build without --target makes.
FROM service-packages AS service
WORKDIR /app
COPY forecasting forecasting
COPY service service
COPY sst.py ./
RUN chmod -R a+rX . && python -m compileall -q forecasting service sst.py
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 SST_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --start-interval=1s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
CMD ["python", "-m", "service"]
