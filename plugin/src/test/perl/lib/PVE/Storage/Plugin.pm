package PVE::Storage::Plugin;

# Stands in for Proxmox VE's base class: what it offers a plugin, of both generations (FLATSNAP_TEST_API).

use strict;
use warnings;

sub check_config {
    my ($class, $id, $config, $create, $skip) = @_;
    my $options = $class->options();
    for my $key (keys %$config) {
        next if $key eq 'type';
        my $option = $options->{$key} or die "unexpected property '$key'\n";
        die "can't change value of fixed parameter '$key'\n" if !$create && $option->{fixed};
    }
    if ($create) {
        for my $key (keys %$options) {
            die "missing value for required option '$key'\n" if !$options->{$key}->{optional} && !defined($config->{$key});
        }
    }
    return {%$config};
}

sub get_next_vm_diskname {
    my ($disks, $storeid, $vmid, $format, $scfg, $add_suffix) = @_;
    my $suffix = $add_suffix ? ".$format" : '';
    my %taken = map { /(?:vm|base)-$vmid-disk-(\d+)$suffix/ ? ($1 => 1) : () } @$disks;
    for my $number (0 .. 1023) {
        return "vm-$vmid-disk-$number$suffix" if !$taken{$number};
    }
    die "unable to allocate an image name for VM $vmid in storage '$storeid'\n";
}

sub find_free_diskname {
    my ($class, $storeid, $scfg, $vmid, $format, $add_suffix) = @_;
    my $images = $class->list_images($storeid, $scfg, $vmid);
    return get_next_vm_diskname([map { $_->{volid} } @$images], $storeid, $vmid, $format, $scfg, $add_suffix);
}

sub write_common_header { return syswrite($_[0], pack('Q<', $_[1]), 8); }

sub read_common_header {
    my ($handle) = @_;
    sysread($handle, my $size, 8);
    die "import: no size found in export header, aborting.\n" if !defined($size) || length($size) != 8;
    return unpack('Q<', $size);
}

sub cluster_lock_storage {
    my ($class, $storeid, $shared, $timeout, $code, @param) = @_;
    local $SIG{ALRM} = sub { die "storage lock of '$storeid': got lock timeout\n" };
    alarm 60;
    my @result = eval { $code->(@param) };
    my $error = $@;
    alarm 0;
    die $error if $error;
    return $result[0];
}

1;
