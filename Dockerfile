# One image for every part: web server, worker, beat and the commands differ only in what they run.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 \
    SEMSEARCH_HOME=/var/lib/semsearch HOST=0.0.0.0 PORT=8000

WORKDIR /srv/semsearch

# libgomp: OpenMP of FAISS and TensorFlow, which the slim image lacks
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*

COPY requirements.txt requirements.lock requirements-servers.txt ./
RUN pip install --requirement requirements.lock \
 && pip install --requirement requirements-servers.txt --constraint requirements.lock

COPY . .
RUN useradd --system --create-home --home-dir /var/lib/semsearch semsearch \
 && chown -R semsearch: /var/lib/semsearch
USER semsearch
VOLUME /var/lib/semsearch
EXPOSE 8000

CMD ["python", "manage.py", "serve", "--host", "0.0.0.0"]
