#!/bin/sh
# First process of a virtual machine: what its kernel needs to find the disk, then that disk's own first process.
/busybox mount -t devtmpfs none /dev
while read -r module; do /busybox insmod "/$module"; done </order
while [ ! -b /dev/vda ]; do /busybox sleep 0.1; done
/busybox mount -t ext4 /dev/vda /root
/busybox umount /dev
exec /busybox switch_root /root /sbin/init
