#!/bin/bash
# dracut module: install as /usr/lib/dracut/modules.d/95kbs-guest/.

# Only on request (add_dracutmodules+=" kbs-guest "), for it makes the boot wait for the network.
check() {
    require_binaries kbs-guest cryptsetup || return 1
    return 255
}

depends() {
    echo network crypt
}

installkernel() {
    instmods sev-guest tsm configfs dm_crypt
}

# dracut sets moddir.
# shellcheck disable=SC2154
install() {
    local ca
    inst_multiple kbs-guest cryptsetup modprobe mount cat sleep
    inst_simple /usr/lib/kbs/kbs-guest-unlock
    if [ -e /etc/kbs/guest.conf ]; then
        inst_simple /etc/kbs/guest.conf
        ca=$(sed -n "s/^KBS_CA=['\"]\\{0,1\\}\\([^'\"]*\\).*/\\1/p" /etc/kbs/guest.conf)
        [ -z "$ca" ] || inst_simple "$ca"
    fi
    inst_libdir_file "libnss_dns.so*" "libnss_files.so*"
    inst_hook initqueue/online 50 "$moddir/kbs-guest.sh"
}
