from service.middleware.browsers import PAGE_POLICY, security_headers


def test_browsers_must_not_run_embed_sniff_or_leak_anything() -> None:
    headers = dict(security_headers())
    assert set(headers) == {
        b"content-security-policy", b"cross-origin-resource-policy", b"referrer-policy", b"x-content-type-options",
    }  # fmt: skip
    policy = headers[b"content-security-policy"].decode()
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_the_page_runs_its_own_scripts_alone() -> None:
    policy = PAGE_POLICY
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy.replace("style-src 'self' 'unsafe-inline'", "")
    assert "http" not in policy
