#!/bin/sh
# Runs one command on a plain server as the service's user, with the service's settings: `sudo countersign status`.
exec systemd-run --quiet --pipe --wait --collect --uid=countersign --gid=countersign \
  --working-directory=/var/lib/countersign --property=EnvironmentFile=/etc/countersign.env --property=UMask=0077 \
  --setenv=COUNTERSIGN_DATA=/var/lib/countersign /opt/countersign/bin/countersign "$@"
