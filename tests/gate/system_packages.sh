#!/bin/sh
# Install what the tests run against, where that may be done without asking: Dovecot and PostgreSQL; systemd-analyze,
# which judges the unit; promtool, which judges the alert rules.
# Their own services are not started: each test starts what it needs, in a directory of its own.
set -e

missing=""
command -v dovecot >/dev/null || test -x /usr/sbin/dovecot || missing="dovecot-imapd"
command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
command -v promtool >/dev/null || missing="$missing prometheus"
test -n "$missing" || exit 0

if ! command -v apt-get >/dev/null; then
    as_root="unavailable"
elif test "$(id -u)" = 0; then
    as_root="env"
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n env"
else
    as_root="unavailable"
fi

if test "$as_root" = unavailable; then
    echo "not installed, so the tests that need them are skipped: $missing" >&2
    test -z "$CI" || { echo "with CI=true that is a failure" >&2; exit 1; }
    exit 0
fi

echo "installing for the tests: $missing"
$as_root DEBIAN_FRONTEND=noninteractive apt-get update -qq
# In runlevel 1 Debian's packages do not start their services.
# shellcheck disable=SC2086
$as_root DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
