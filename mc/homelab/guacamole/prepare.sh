# Applies Guacamole's schema once, then what must hold before the page opens. Running again changes nothing.
set -eu
PGPASSWORD="$(cat /run/secrets/guacamole_database_password)"
export PGPASSWORD
run() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }
if [ "$(run -At -c "SELECT to_regclass('public.guacamole_user') IS NULL")" = t ]; then
    run --single-transaction -f /schema/initdb.sql
fi
run --single-transaction -f /etc/infrakit/prepare.sql
