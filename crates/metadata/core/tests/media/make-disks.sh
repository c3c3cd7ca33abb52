#!/bin/sh
# Makes the disks of which fuzz/seeds has a copy, as TARGET/NAME below the folder that it is given. Started by
# `ORLOP_MAKE_DISKS=1 cargo test -p orlop-metadata-core --test media`, which packs them. Needs Debian's genisoimage, xorriso,
# dosfstools, mtools, udftools and cloud-image-utils: who only reads the disks needs none of them.
set -eu
cd "$1"
mkdir iso fat udf work
cd work

mkdir seed linuxkit many azure link
printf '#cloud-config\n{"a": {"content": "b"}}\n' > seed/user-data
printf 'instance-id: i-1\nlocal-hostname: web-1\n' > seed/meta-data
printf 'version: 2\n' > seed/network-config
printf 'hello' > linuxkit/config
# More than one sector of entries before those that are wanted.
cp seed/* many
for n in $(seq 40); do echo "$n" > "many/a-long-name-that-comes-before-the-others-number-$n"; done
# A name that does not fit into one record.
cp seed/user-data "many/$(printf 'n%.0s' $(seq 240))"
cp seed/* link
rm link/user-data
ln -s meta-data link/user-data
mkdir -p drive/openstack/latest drive/ec2/latest
printf '{"uuid": "u-1", "hostname": "web-2", "public_keys": {"a": "ssh-rsa A"}}' > drive/openstack/latest/meta_data.json
printf 'hello' > drive/openstack/latest/user_data
printf '{"links": []}' > drive/openstack/latest/network_data.json
printf '{"instance-id": "i-2"}' > drive/ec2/latest/meta-data.json
cat > azure/ovf-env.xml <<X
<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:wa="http://schemas.microsoft.com/windowsazure">
<wa:ProvisioningSection><wa:LinuxProvisioningConfigurationSet><wa:HostName>web-3</wa:HostName>
<wa:CustomData>aGVsbG8=</wa:CustomData></wa:LinuxProvisioningConfigurationSet></wa:ProvisioningSection></Environment>
X

cloud-localds --network-config seed/network-config ../iso/cloud-localds seed/user-data seed/meta-data
cloud-localds ../iso/cloud-localds-without-meta-data seed/user-data
genisoimage -quiet -V cidata -r -o ../iso/rock-ridge seed
genisoimage -quiet -V cidata -J -o ../iso/joliet seed
genisoimage -quiet -V CIDATA -o ../iso/plain seed
genisoimage -quiet -V CIDATA -iso-level 3 -o ../iso/plain-level-3 seed
# A descriptor of ISO 9660:1999 before that of Joliet.
genisoimage -quiet -V cidata -iso-level 4 -J -o ../iso/level-4-joliet seed
xorrisofs -quiet -V cidata -iso-level 3 -R -o ../iso/proxmox seed
genisoimage -quiet -o ../iso/linuxkit linuxkit
genisoimage -quiet -V cidata -R -o ../iso/many-names many
genisoimage -quiet -V cidata -r -o ../iso/symbolic-link link
genisoimage -quiet -V config-2 -J -r -o ../iso/config-drive drive
genisoimage -quiet -V config-2 -o ../iso/config-drive-plain drive
genisoimage -quiet -V rd_rdfe_stable.1 -udf -no-pad -o ../udf/bridge azure

cloud-localds --filesystem vfat --network-config seed/network-config ../fat/cloud-localds seed/user-data seed/meta-data
fat() { # name, bits, KiB, sectors of a cluster, label
    truncate -s "$3K" "../fat/$1"
    mkfs.vfat -F "$2" -s "$4" -n "$5" "../fat/$1" > /dev/null
}
fat fat12 12 360 1 CIDATA
mcopy -i ../fat/fat12 seed/* ::
fat fat16 16 9000 2 CIDATA
mcopy -i ../fat/fat16 seed/* ::
fat fat32 32 40000 1 CIDATA
mcopy -i ../fat/fat32 seed/* ::
fat config-drive 12 1440 1 CONFIG-2
mcopy -s -i ../fat/config-drive drive/* ::
# A label in the boot sector only.
fat label-of-the-boot-sector 12 360 1 CIDATA
mcopy -i ../fat/label-of-the-boot-sector seed/* ::
mlabel -i ../fat/label-of-the-boot-sector -c ::
printf 'CIDATA     ' | dd of=../fat/label-of-the-boot-sector bs=1 seek=43 conv=notrunc status=none
# A file in pieces, and names before it that are gone.
fat in-pieces 12 360 1 CIDATA
for n in $(seq 6); do head -c 512 /dev/zero | tr '\0' "$n" > "hole-$n"; done
mcopy -i ../fat/in-pieces hole-* ::
mdel -i ../fat/in-pieces ::hole-1 ::hole-3 ::hole-5
{ cat seed/user-data; seq 600; } > big
mcopy -i ../fat/in-pieces big ::user-data

# With the other file system of the bridge gone.
cp ../udf/bridge ../udf/without-iso9660
for sector in 16 17; do
    dd if=/dev/zero of=../udf/without-iso9660 bs=2048 seek=$sector count=1 conv=notrunc status=none
done
for block in 512 2048; do
    truncate -s 1M "../udf/mkudffs-$block"
    mkudffs --blocksize=$block --media-type=hd --label rd_rdfe_stable.2 "../udf/mkudffs-$block" > /dev/null
done
cd ..
rm -r work
