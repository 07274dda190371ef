#!/bin/sh
# Makes what the services keep secret from each other, each in a folder of its own that one user can read:
#   setup.sh FOLDER       with KBS_NAME, the name by which guests reach the balancer
# What is there stays as it is. Runs as root, once.
set -eu
umask 077
kbs="${KBS_PROGRAM:-/usr/bin/kbs}"
server=65532:65532  # packaging/container/Containerfile
database=999:999    # the image postgres on Debian
cd "$1"

make_password() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# Under its name when it is whole.
put() { # FILE, from standard input
    cat >"$1.new"
    mv "$1.new" "$1"
}

[ -e master-key/master.key ] || "$kbs" keys create --file master-key/master.key
# For a trial: put a certificate that guests' authorities have signed here, under the same names.
[ -e tls/tls.key ] || "$kbs" tls self-signed --name "$KBS_NAME" --name localhost --out tls
[ -e database-server/tls.key ] || "$kbs" tls self-signed --name database --days 3650 --out database-server >/dev/null
for role in superuser owner kbs; do
    [ -e "database-server/$role.password" ] || make_password | put "database-server/$role.password"
done
put database-client/tls.crt <database-server/tls.crt
put database-client/kbs.password <database-server/kbs.password
put database-owner/owner.password <database-server/owner.password

chmod 755 tls
chmod 644 tls/tls.crt
chown -R "$server" master-key database-client database-owner tls
chown -R "$database" database-server
chown "$database" database
