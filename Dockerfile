# Countersign in a container: `docker build -t countersign .`, then `docker run -v countersign:/data countersign`.
# Everything that lasts is in /data, unless DATABASE_URL is set: mount a volume there. (VOLUME isn't used, because Railway
# refuses it.) The program is process 1 and stops cleanly on SIGTERM.

FROM python:3.11-slim AS packages
COPY requirements.txt .
RUN python -m venv /opt/countersign \
 && /opt/countersign/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt \
 && echo /srv > "$(echo /opt/countersign/lib/python3*/site-packages)/countersign.pth" \
 && printf '#!/opt/countersign/bin/python\nimport sys\nfrom bot.__main__ import main\nsys.exit(main())\n' > /opt/countersign/bin/countersign \
 && chmod +x /opt/countersign/bin/countersign

FROM python:3.11-slim
# To read scanned agendas (COUNTERSIGN_OCR=1), add Tesseract, about 30 MB:
# RUN apt-get update && apt-get install -y --no-install-recommends tesseract-ocr tesseract-ocr-spa && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /srv --no-create-home countersign \
 && install -d -o countersign -m 700 /data
ENV PATH=/opt/countersign/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    COUNTERSIGN_DATA=/data \
    COUNTERSIGN_LOG=json \
    PORT=8080
COPY --from=packages /opt/countersign /opt/countersign
WORKDIR /srv
COPY LICENSE ./
COPY config config
COPY bot bot
RUN python -m compileall -q bot
USER countersign
EXPOSE 8080
HEALTHCHECK --interval=1m --timeout=10s --start-period=2m CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/live', timeout=8)"]
ENTRYPOINT ["countersign"]
CMD ["run"]
