package PVE::Storage::DirPlugin;

# Stands in for Proxmox VE's module of this name.

use strict;
use warnings;

sub parse_is_mountpoint {
    my ($scfg) = @_;
    my $mountpoint = $scfg->{is_mountpoint} // return;
    return $mountpoint =~ /^(?:1|yes|on|true)$/ ? $scfg->{path} : $mountpoint =~ /^(?:0|no|off|false)$/ ? undef : $mountpoint;
}

sub path_is_mounted {
    my ($mountpoint) = @_;
    open(my $mounts, '<', '/proc/self/mounts') or die;
    return 1 if grep { (split / /)[1] eq $mountpoint } <$mounts>;
    return;
}

1;
