#!/bin/sh
# dracut hook, run for each interface that comes online: opens the device once.
# dracut sources hooks, so this one returns by falling through.
if [ ! -e /run/kbs-guest.done ]; then
    if /usr/lib/kbs/kbs-guest-unlock; then
        : >/run/kbs-guest.done
    else
        warn "kbs-guest: not unlocked (status $?)."
    fi
fi
