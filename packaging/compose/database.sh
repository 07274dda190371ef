# Sourced by the entry point of the image postgres, once, when the database is made.
# The servers may use the tables, and kbs_owner may change them. kbs migrate takes from the servers the right to change the
# trail; what else they never do takes a REVOKE once there are tables (docs/replicas.md).
psql -v ON_ERROR_STOP=1 --username postgres --no-psqlrc \
    -v owner_password="$(cat /secrets/database-server/owner.password)" \
    -v kbs_password="$(cat /secrets/database-server/kbs.password)" <<'SQL'
CREATE ROLE kbs_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE kbs LOGIN PASSWORD :'kbs_password';
CREATE DATABASE kbs OWNER kbs_owner ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0;
REVOKE ALL ON DATABASE kbs FROM PUBLIC;
GRANT CONNECT ON DATABASE kbs TO kbs;
\connect kbs
ALTER DEFAULT PRIVILEGES FOR ROLE kbs_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO kbs;
SQL
