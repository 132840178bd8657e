#!/bin/sh
# First process of a host that has cgroup v2 alone, and no controllers where the machine has bound them to v1: Docker then drops
# memory limits with a warning, as on a Pi without cgroup_enable=memory, and refuses limits of the processor.
mount -o remount,bind,rw /sys
if umount -R /sys/fs/cgroup; then
	mount -t cgroup2 -o rw,nosuid,nodev,noexec,relatime,nsdelegate cgroup2 /sys/fs/cgroup
fi
exec /sbin/init
