# Sets Portainer's sign-in by its API and looks again every hour. Secrets are read from files and never become arguments.
# When Portainer refuses the minted password (somebody changed it), a sign-in that already leads to Authentik is enough.
set -u
api=http://portainer:9000/api
umask 077

ask() { curl -fsS -m 20 -H 'Content-Type: application/json' "$@"; }

token() {
    printf '{"Username":"admin","Password":"%s"}' "$(cat /run/secrets/portainer_admin_password)" \
        | ask --data-binary @- "$api/auth" | sed -n 's/.*"jwt":"\([^"]*\)".*/\1/p'
}

configure() {
    jwt="$(token)"
    if [ -z "$jwt" ]; then
        ask "$api/settings/public" | grep -q '"AuthenticationMethod":3'
        return
    fi
    printf 'Authorization: Bearer %s\n' "$jwt" >/tmp/header
    sed "s/CLIENT_SECRET/$(cat /run/secrets/portainer_client_secret)/" /etc/infrakit/sign-in.json >/tmp/settings
    ask -o /dev/null -X PUT -H @/tmp/header --data-binary @/tmp/settings "$api/settings" || return 1
    administrators
}

# An account that is there before the first sign-in keeps its role; its own password is thrown away. 409: it is there.
administrators() {
    for name in $(printf '%s' "$ADMINISTRATORS" | tr ',' ' '); do
        case "$name" in *[!A-Za-z0-9._@-]*) echo "left out: a name with other characters"; continue ;; esac
        password="$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')"
        code="$(printf '{"Username":"%s","Password":"%s","Role":1}' "$name" "$password" \
            | curl -sS -m 20 -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -H @/tmp/header \
                --data-binary @- "$api/users")"
        case "$code" in 200 | 201 | 409) ;; *) echo "administrator $name: Portainer answered $code"; return 1 ;; esac
    done
}

while :; do
    if configure; then
        touch /tmp/done
        rm -f /tmp/header /tmp/settings
        sleep 3600
    else
        rm -f /tmp/done /tmp/header /tmp/settings
        sleep 10
    fi
done
