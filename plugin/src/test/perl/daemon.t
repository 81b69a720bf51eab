#!/usr/bin/perl -T
# The whole life of a guest's disks, as Proxmox VE has it, through the storage plugin and a real flatsnapd on a real XFS.
# Needs root and what `mvn package` builds.
use strict;
use warnings;

use Cwd ();
use File::Basename ();
use File::Temp ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

BEGIN {
    $ENV{PATH} = '/usr/sbin:/usr/bin:/sbin:/bin';
    delete @ENV{qw(IFS CDPATH ENV BASH_ENV)};
}

my ($here) = Cwd::realpath(File::Basename::dirname(__FILE__)) =~ /\A(.*)\z/;
use lib map { /\A(.*)\z/ } map { Cwd::realpath(File::Basename::dirname(__FILE__)) . $_ } '/lib', '/../../main/perl';

# The configuration of guests, as it stands while PVE calls.
my %guests;

BEGIN {
    no strict 'refs';
    *{'PVE::QemuConfig::load_config'} = sub {
        my ($class, $vmid) = @_;
        return $guests{$vmid} // die "Configuration file 'nodes/pve1/qemu-server/$vmid.conf' does not exist\n";
    };
    $INC{'PVE/QemuConfig.pm'} = __FILE__;
}

use PVE::Storage;

my ($directory) = File::Temp::tempdir('flatsnap-perl-XXXXXX', DIR => '/var/tmp', CLEANUP => 1) =~ /\A(.*)\z/;
my $store = "$directory/store";
my $cfg = $PVE::Storage::config;
my $plugin = 'PVE::Storage::Custom::FlatsnapPlugin';
my $me = $$;
my ($daemon, $mounted);

sub run {
    my @command = @_;
    system(@command) == 0 or die "'@command' failed: $?\n";
}

sub stop {
    my ($signal) = @_;
    return if !$daemon;
    kill $signal => $daemon;
    waitpid($daemon, 0);
    undef $daemon;
}

sub start {
    $daemon = fork() // die "fork: $!";
    if (!$daemon) {
        open(STDOUT, '>>', "$directory/log");
        open(STDERR, '>&', \*STDOUT);
        exec("$here/../../../../packaging/bin/flatsnapd", '--config', "$directory/flatsnap.toml") or POSIX::_exit(127);
    }
    for (my $until = time() + 60; time() < $until; sleep(0.1)) {
        return if eval { $plugin->request($cfg->{ids}->{flat}, 'GET', '/v1/health'); 1 };
        last if waitpid($daemon, POSIX::WNOHANG()) > 0;
    }
    system('cat', "$directory/log");
    die "flatsnapd did not start\n";
}

END {
    if ($$ == $me) {
        my $code = $?;
        stop('TERM');
        system('umount', '-l', "$directory/view") if -d "$directory/view" && !system('mountpoint', '-q', "$directory/view");
        system('umount', $store) if $mounted;
        $? = $code;
    }
}

sub write_to {
    my ($volid, $text) = @_;
    my ($path) = PVE::Storage::path($cfg, $volid) =~ /\A(.*)\z/;
    open(my $out, '+<', $path) or die "$path: $!";
    syswrite($out, $text);
    close($out) or die "$path: $!";
}

sub read_from {
    my ($path) = @_;
    open(my $in, '<', $path) or die "$path: $!";
    sysread($in, my $text, 6);
    return $text =~ s/\0.*//r;
}

sub content { return read_from(PVE::Storage::path($cfg, @_)); }

sub dies_like {
    my ($pattern, $what, $code) = @_;
    my $worked = eval { $code->(); 1 };
    like($worked ? '(worked)' : $@, $pattern, $what);
    is(($@ =~ tr/\n//), 1, "$what: in one line") if !$worked;
}

my @warnings;
local $SIG{__WARN__} = sub { push @warnings, $_[0] };

run('truncate', '-s', '1G', "$directory/image");
run('mkfs.xfs', '-q', '-m', 'reflink=1', "$directory/image");
mkdir $store or die;
run('mount', '-o', 'loop', "$directory/image", $store);
$mounted = 1;
open(my $toml, '>', "$directory/flatsnap.toml") or die;
print $toml <<"TEXT";
state-directory = "$directory/state"
socket = "$directory/flatsnapd.sock"
view = "$directory/view"
manager = "proxmox"
retire-grace = "0s"
TEXT
close($toml) or die;
$cfg->{ids}->{flat} =
    { type => 'flatsnap', path => $store, 'flatsnap-socket' => "$directory/flatsnapd.sock", content => { images => 1 } };
start();

# --- the storage

ok(PVE::Storage::activate_storage($cfg, 'flat'), 'is activated');
my ($total, $available, $used, $active) = $plugin->status('flat', $cfg->{ids}->{flat}, {});
ok($active && $total > 500 << 20 && $available + $used <= $total, 'tells its room');
is_deeply(PVE::Storage::vdisk_list($cfg, 'flat')->{flat}, [], 'is empty at first');

# --- disks

my $disk = PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', undef, 4096);
is($disk, 'flat:100/vm-100-disk-0.raw', 'names a disk');
my $second = PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', undef, 4096);
is($second, 'flat:100/vm-100-disk-1.raw', 'and the next one');
my $efi = PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', undef, 528);
is(PVE::Storage::volume_size_info($cfg, $efi), 528 << 10, 'EFI variables are no multiple of a MiB');
my $cloudinit = PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', 'vm-100-cloudinit.raw', 4096);
is($cloudinit, 'flat:100/vm-100-cloudinit.raw', 'cloud-init has a name of its own');
my $state = PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', 'vm-100-state-before.raw', 8192);
is(PVE::Storage::path($cfg, $state), "$store/images/100/vm-100-state-before.raw", 'so has memory');
is(scalar(@{ PVE::Storage::vdisk_list($cfg, 'flat', 100)->{flat} }), 5, 'lists them');
dies_like(qr/there is a volume/, 'a name that is taken', sub { PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', 'vm-100-cloudinit.raw', 4096) });
dies_like(qr/raw/, 'another format', sub { PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'qcow2', undef, 4096) });
dies_like(qr/100/, "another guest's name", sub { PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', 'vm-101-disk-0.raw', 4096) });

# --- snapshots, disk by disk while PVE's configuration says that it is at it

$guests{100} = { name => 'web01', meta => 'creation-qemu=9.0.2,ctime=1690000000', snapshots => {} };

sub take {
    my ($name, @disks) = @_;
    $guests{100}->{snapshots}->{$name} = { snapstate => 'prepare' };
    PVE::Storage::volume_snapshot($cfg, $_, $name) for @disks;
    delete $guests{100}->{snapshots}->{$name}->{snapstate};
}

for my $number (1 .. 3) {
    write_to($disk, "one-$number");
    write_to($second, "two-$number");
    take("s$number", $disk, $second);
}
write_to($disk, 'one-x');
is_deeply([sort keys %{ PVE::Storage::volume_snapshot_info($cfg, $disk) }], [qw(s1 s2 s3)], 'tells its snapshots');
my $info = PVE::Storage::volume_snapshot_info($cfg, $second)->{s2};
ok($info->{id} && abs($info->{timestamp} - time()) < 60 && $info->{'virtual-size'} == 4 << 20, 'and what they are');
is(content($disk, 's2'), 'one-2', 'reads one');
dies_like(qr/s1/, 'a name that is taken', sub { PVE::Storage::volume_snapshot($cfg, $disk, 's1') });
my $shown = $plugin->request($cfg->{ids}->{flat}, 'GET', '/v1/snapshots?vm=100-1690000000')->{snapshots};
is_deeply([map { $_->{name} } grep { !$_->{guard} } @$shown], [qw(s2 s1)], 'disks together are one snapshot; the one that is not known to be finished does not show')
    or diag(join(' ', map { $_->{name} } @$shown));
is(scalar(@{ $shown->[0]->{disks} }), 2, 'with both disks');

ok(PVE::Storage::volume_rollback_is_possible($cfg, $disk, 's1'), 'any snapshot can be rolled back to');
PVE::Storage::volume_snapshot_rollback($cfg, $_, 's1') for $disk, $second;
is_deeply([content($disk), content($second)], ['one-1', 'two-1'], 'the oldest is rolled back to');
is_deeply([sort keys %{ PVE::Storage::volume_snapshot_info($cfg, $disk) }], [qw(s1 s2 s3)], 'newer ones stay');
PVE::Storage::volume_snapshot_rollback($cfg, $disk, 's3');
is(content($disk), 'one-3', 'and the newest again');
dies_like(qr/s9/, 'a rollback to none', sub { PVE::Storage::volume_snapshot_rollback($cfg, $disk, 's9') });

PVE::Storage::volume_snapshot_delete($cfg, $_, 's2') for $disk, $second;
is_deeply([sort keys %{ PVE::Storage::volume_snapshot_info($cfg, $disk) }], [qw(s1 s3)], 'one in the middle is deleted');
is(eval { PVE::Storage::volume_snapshot_delete($cfg, $disk, 's2'); 1 }, 1, 'again is no error: PVE cleans up so');
is(content($disk, 's1'), 'one-1', 'the others are as they were');

for my $bad ('../x', 'a b', "s\n", '', 'x' x 200, '$(id)') {
    dies_like(qr/snapshot|name/, 'bad snapshot name', sub { PVE::Storage::volume_snapshot($cfg, $disk, $bad) });
}

# --- clones and templates

my $clone = PVE::Storage::vdisk_clone($cfg, $disk, 200, 's1');
is($clone, 'flat:200/vm-200-disk-0.raw', 'a clone of a snapshot is named as one of its guest');
is(content($clone), 'one-1', 'and holds it');
my $current = PVE::Storage::vdisk_clone($cfg, $disk, 200);
is_deeply([$current, content($current)], ['flat:200/vm-200-disk-1.raw', 'one-3'], 'one of the present state');
write_to($clone, 'other');
is(content($disk, 's1'), 'one-1', 'a clone is written without harm');
my $base = PVE::Storage::vdisk_create_base($cfg, $current);
is($base, 'flat:200/base-200-disk-1.raw', 'a template');
is(PVE::Storage::path($cfg, $base), "$store/images/200/base-200-disk-1.raw", 'stands under its name');
my $linked = PVE::Storage::vdisk_clone($cfg, $base, 201);
PVE::Storage::vdisk_free($cfg, $base);
is(content($linked), 'one-3', 'a template does not pin its clones, nor they it');

# --- changes

is(PVE::Storage::rename_volume($cfg, $linked, 202), 'flat:202/vm-202-disk-0.raw', 'is given to another guest');
PVE::Storage::volume_resize($cfg, 'flat:202/vm-202-disk-0.raw', 8 << 20, 0);
is((PVE::Storage::volume_size_info($cfg, 'flat:202/vm-202-disk-0.raw'))[0], 8 << 20, 'grows');
dies_like(qr/./, 'it does not shrink', sub { PVE::Storage::volume_resize($cfg, 'flat:202/vm-202-disk-0.raw', 4 << 20, 0) });

# --- export and import

open(my $stream, '+>', "$directory/stream") or die;
$plugin->volume_export($cfg->{ids}->{flat}, 'flat', $stream, '100/vm-100-disk-0.raw', 'raw+size', 's1');
is(-s "$directory/stream", 8 + (4 << 20), 'exports a snapshot');
sysseek($stream, 0, 0);
my $imported = $plugin->volume_import($cfg->{ids}->{flat}, 'flat', $stream, '300/vm-300-disk-0.raw', 'raw+size', undef, undef, 0, 0);
is($imported, 'flat:300/vm-300-disk-0.raw', 'imports it');
is(content($imported), 'one-1', 'byte by byte');
sysseek($stream, 0, 0);
dies_like(
    qr/already exists/,
    'an import to a name that is taken',
    sub { $plugin->volume_import($cfg->{ids}->{flat}, 'flat', $stream, '300/vm-300-disk-0.raw', 'raw+size', undef, undef, 0, 0) },
);
is(
    $plugin->volume_import($cfg->{ids}->{flat}, 'flat', $stream, '300/vm-300-disk-0.raw', 'raw+size', undef, undef, 0, 1),
    'flat:300/vm-300-disk-1.raw',
    'unless it may be renamed',
);

# --- the daemon dies

stop('KILL');
is_deeply([content($disk)], ['one-3'], 'without the daemon disks have their place');
ok(eval { PVE::Storage::activate_storage($cfg, 'flat'); $plugin->activate_volume('flat', $cfg->{ids}->{flat}, '100/vm-100-disk-0.raw'); 1 }, 'a guest can start')
    or diag($@);
is(($plugin->status('flat', $cfg->{ids}->{flat}, {}))[3], 1, 'the storage is active');
ok(@{ PVE::Storage::vdisk_list($cfg, 'flat', 100)->{flat} } == 5, 'disks are listed');
dies_like(qr/systemctl status flatsnapd/, 'no snapshot is taken', sub { PVE::Storage::volume_snapshot($cfg, $disk, 's5') });
start();
is_deeply([sort keys %{ PVE::Storage::volume_snapshot_info($cfg, $disk) }], [qw(s1 s3)], 'started again it knows what it knew');

# --- the guest is destroyed, and its id used again

PVE::Storage::vdisk_free($cfg, $_) for $disk, $second, $efi, $cloudinit, $state;
is_deeply(PVE::Storage::vdisk_list($cfg, 'flat', 100)->{flat}, [], 'its disks are gone');
ok(!-e "$store/images/100", 'and their directory');
is(PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', undef, 4096), $disk, 'another guest gets the name');
is_deeply(PVE::Storage::volume_snapshot_info($cfg, $disk), {}, 'and none of its snapshots');
$guests{100}->{meta} = 'creation-qemu=9.0.2,ctime=1700000000';
take('s1', $disk);
is_deeply([keys %{ PVE::Storage::volume_snapshot_info($cfg, $disk) }], ['s1'], 'a name of its own is free again');

is_deeply([grep { !/works without snapshots|importing with a different name/ } @warnings], [], 'nothing else was complained of');
done_testing();
