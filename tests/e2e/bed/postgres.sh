#!/bin/bash
# Does what the official image's entry point does with the same variables (docker-library/postgres, docker-entrypoint.sh); by its other
# name it makes the cluster, and ends (docker-ensure-initdb.sh).
set -eu
: "${POSTGRES_USER:=postgres}"
: "${POSTGRES_DB:=$POSTGRES_USER}"
[ "${0##*/}" != docker-ensure-initdb.sh ] || set -- postgres
mkdir -p "$PGDATA"
if [ "$(id -u)" = 0 ]; then
	chown postgres:postgres "$PGDATA" /var/run/postgresql
	exec setpriv --reuid=70 --regid=70 --clear-groups "$0" "$@"
fi
if [ "${1:-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	password=${POSTGRES_PASSWORD:-}
	[ -z "${POSTGRES_PASSWORD_FILE:-}" ] || password=$(cat "$POSTGRES_PASSWORD_FILE")
	[ -n "$password" ] || { echo "Error: Database is uninitialized and superuser password is not specified." >&2; exit 1; }
	chmod 700 "$PGDATA" || :
	# shellcheck disable=SC2086 # a list of words
	initdb -D "$PGDATA" --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$password") ${POSTGRES_INITDB_ARGS:-}
	echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
	echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
	if [ "$POSTGRES_DB" != postgres ]; then
		echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA" postgres
	fi
fi
[ "${0##*/}" = docker-ensure-initdb.sh ] || exec "$@"
