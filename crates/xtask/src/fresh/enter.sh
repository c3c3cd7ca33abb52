# Run by `unshare`, in mount, process, UTS and IPC namespaces of its own, as their process 1: makes the folder $1 the root of
# these namespaces and runs a command there. The arguments between $1 and `--` are folders of this machine that are bound at
# the same paths inside; what follows `--` is the command. All that is mounted here goes with the last process.
set -eu
mount --bind "$1" "$1"
cd "$1"
shift
while [ "$1" != -- ]; do
    mount --bind "$1" ".$1"
    shift
done
shift

mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
# Devices of this machine, one by one; whoever makes another one makes it in the tmpfs.
for device in null zero full random urandom tty net/tun; do
    [ -e "/dev/$device" ] || continue
    mkdir -p "$(dirname "dev/$device")"
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

# Not chroot: in a chroot no user namespace can be made, and `nsenter --mount` leads back to the real root.
mkdir -p .outside
pivot_root . .outside
cd /
umount --lazy /.outside
rmdir /.outside
hostname stranger
# A shell stays process 1, because it reaps what others leave to it.
exec sh -c '"$@"; exit $?' sh "$@"
