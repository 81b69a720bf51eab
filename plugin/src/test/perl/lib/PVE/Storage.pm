package PVE::Storage;

# Stands in for Proxmox VE's module of this name: calls a plugin in the order in which PVE does.

use strict;
use warnings;

use constant APIVER => 0 + ($ENV{FLATSNAP_TEST_API} // 15);
use constant APIAGE => APIVER < 12 ? 2 : 6;

# Its routes have a test of their own, with stand-ins for what they need.
BEGIN { $INC{'PVE/API2/Flatsnap.pm'} //= __FILE__; }

use PVE::Storage::Custom::FlatsnapPlugin;

my $plugin = 'PVE::Storage::Custom::FlatsnapPlugin';
die "API " . $plugin->api() if $plugin->api() > APIVER || $plugin->api() < APIVER - APIAGE;
# What this level does not have, PVE does not call.
our $config = { ids => {} };

sub config { return $config; }

sub parse_volume_id {
    my ($volid, $noerr) = @_;
    return wantarray ? ($1, $2) : $1 if $volid =~ m/^([a-z][a-z0-9\-_.]*[a-z0-9]):(.+)$/i;
    return if $noerr;
    die "unable to parse volume ID '$volid'\n";
}

sub storage_config {
    my ($cfg, $id) = @_;
    return $cfg->{ids}->{$id} // die "storage '$id' does not exist\n";
}

sub scfg { return storage_config($config, $_[0]); }

sub activate_storage {
    my ($cfg, $id) = @_;
    $plugin->check_connection($id, scfg($id)) or die "storage '$id' is not online\n";
    return $plugin->activate_storage($id, scfg($id), {});
}

sub path {
    my ($cfg, $volid, $snap) = @_;
    my ($id, $name) = parse_volume_id($volid);
    my @found = $plugin->path(scfg($id), $name, $id, $snap);
    return wantarray ? @found : $found[0];
}

sub vdisk_alloc {
    my ($cfg, $id, $vmid, $format, $name, $kib) = @_;
    activate_storage($cfg, $id);
    return $plugin->cluster_lock_storage(
        $id, 1, undef, sub { "$id:" . $plugin->alloc_image($id, scfg($id), $vmid, $format, $name, $kib) });
}

sub vdisk_free {
    my ($cfg, $volid) = @_;
    my ($id, $name) = parse_volume_id($volid);
    activate_storage($cfg, $id);
    my $is_base = ($plugin->parse_volname($name))[5];
    my $worker = $plugin->cluster_lock_storage(
        $id, 1, undef, sub { $plugin->free_image($id, scfg($id), $name, $is_base, 'raw') });
    die "a worker\n" if $worker;
    return;
}

sub vdisk_clone {
    my ($cfg, $volid, $vmid, $snap) = @_;
    my ($id, $name) = parse_volume_id($volid);
    activate_storage($cfg, $id);
    return $plugin->cluster_lock_storage(
        $id, 1, undef, sub { "$id:" . $plugin->clone_image(scfg($id), $id, $name, $vmid, $snap) });
}

sub vdisk_create_base {
    my ($cfg, $volid) = @_;
    my ($id, $name) = parse_volume_id($volid);
    activate_storage($cfg, $id);
    return $plugin->cluster_lock_storage($id, 1, undef, sub { "$id:" . $plugin->create_base($id, scfg($id), $name) });
}

sub vdisk_list {
    my ($cfg, $id, $vmid, $vollist) = @_;
    activate_storage($cfg, $id);
    return { $id => $plugin->list_images($id, scfg($id), $vmid, $vollist, {}) };
}

sub rename_volume {
    my ($cfg, $volid, $vmid, $to) = @_;
    my ($id, $name) = parse_volume_id($volid);
    activate_storage($cfg, $id);
    return $plugin->cluster_lock_storage($id, 1, undef, sub { $plugin->rename_volume(scfg($id), $id, $name, $vmid, $to) });
}

sub activate_volumes {
    my ($cfg, $volids, $snap) = @_;
    for my $volid (@$volids) {
        my ($id, $name) = parse_volume_id($volid);
        activate_storage($cfg, $id);
        $plugin->activate_volume($id, scfg($id), $name, $snap, {}, {});
    }
}

sub deactivate_volumes {
    my ($cfg, $volids, $snap) = @_;
    for my $volid (@$volids) {
        my ($id, $name) = parse_volume_id($volid);
        $plugin->deactivate_volume($id, scfg($id), $name, $snap, {});
    }
}

sub volume_has_feature {
    my ($cfg, $feature, $volid, $snap, $running, $opts) = @_;
    my ($id, $name) = parse_volume_id($volid);
    return $plugin->volume_has_feature(scfg($id), $feature, $id, $name, $snap, $running, $opts);
}

sub volume_snapshot_rollback {
    my ($cfg, $volid, $snap) = @_;
    my ($id, $name) = parse_volume_id($volid);
    $plugin->volume_rollback_is_possible(scfg($id), $id, $name, $snap);
    return $plugin->volume_snapshot_rollback(scfg($id), $id, $name, $snap);
}

for my $call (qw(volume_snapshot volume_snapshot_delete volume_rollback_is_possible volume_resize volume_size_info volume_snapshot_info)) {
    no strict 'refs';
    *$call = sub {
        my ($cfg, $volid, @more) = @_;
        my ($id, $name) = parse_volume_id($volid);
        return $plugin->$call(scfg($id), $id, $name, @more);
    };
}

1;
