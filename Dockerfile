# Jobs: what takes longer than a function may, from the functions' own code (docs/architecture.md, "A job").
#
#   docker build --platform linux/arm64 --build-arg VERSION=1.2.3 --tag marketplace-jobs .
#   docker run marketplace-jobs export-catalogue

FROM python:3.11-slim-bookworm AS dependencies
COPY requirements.txt requirements-jobs.txt /
RUN python -m venv --without-pip /dependencies \
    && pip install --python /dependencies --no-cache-dir --no-compile --require-hashes --only-binary :all: \
        --requirement requirements.txt --requirement requirements-jobs.txt \
    && /dependencies/bin/python -m compileall -q --invalidation-mode unchecked-hash /dependencies/lib


# Nothing is installed in what runs, and what came with it to install is removed.
FROM python:3.11-slim-bookworm
RUN pip uninstall --yes --no-cache-dir setuptools wheel pip \
    && rm -rf /usr/local/lib/python3.11/ensurepip \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin marketplace
COPY --from=dependencies /dependencies /dependencies
COPY chalicelib /marketplace/chalicelib
RUN python -m compileall -q --invalidation-mode unchecked-hash /marketplace/chalicelib

ARG VERSION=unknown
LABEL org.opencontainers.image.title="marketplace jobs" org.opencontainers.image.version="${VERSION}"
ENV PATH=/dependencies/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /marketplace
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "chalicelib.jobs"]
