#!/usr/bin/perl -T
# The whole life of a guest's disks, as Proxmox VE has it, through the storage plugin and a real flatsnapd.
# FLATSNAP_TEST_ENGINE says on what: xfs (in a file, on any host), or ocfs2 or zfs, on the last and the first of the disks in
# FLATSNAP_DISKS. Needs root and what `mvn package` builds.
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

# The configuration of guests, as it stands while PVE calls: of virtual machines and of containers.
my (%guests, %containers);

BEGIN {
    my %configurations = ('PVE::QemuConfig' => \%guests, 'PVE::LXC::Config' => \%containers);
    for my $module (keys %configurations) {
        no strict 'refs';
        *{"${module}::load_config"} = sub {
            my ($class, $vmid) = @_;
            return $configurations{$module}->{$vmid} // die "Configuration file of '$vmid' does not exist\n";
        };
        $INC{ $module =~ s{::}{/}gr . '.pm' } = __FILE__;
    }
}

use PVE::Storage;

my ($directory) = File::Temp::tempdir('flatsnap-perl-XXXXXX', DIR => '/var/tmp', CLEANUP => 1) =~ /\A(.*)\z/;
my ($engine) = ($ENV{FLATSNAP_TEST_ENGINE} // 'xfs') =~ /\A(xfs|ocfs2|zfs)\z/ or die "FLATSNAP_TEST_ENGINE is none of xfs, ocfs2, zfs\n";
my @spare = ($ENV{FLATSNAP_DISKS} // '') =~ m!(/dev/\w+)!g;
my $zfs = $engine eq 'zfs';
my $pool = 'flatsnap-perl';
my $dataset = "$pool/vms";
my $store = "$directory/store";
my $cfg = $PVE::Storage::config;
my $plugin = 'PVE::Storage::Custom::FlatsnapPlugin';
my $me = $$;
my ($daemon, $made);

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
    # An emulated processor takes its time.
    for (my $until = time() + 180; time() < $until; sleep(0.1)) {
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
        system($zfs ? ('zpool', 'destroy', $pool) : ('umount', $store)) if $made;
        $? = $code;
    }
}

sub make_store {
    if ($zfs) {
        run('zpool', 'create', '-f', $pool, $spare[0]);
        $made = 1;
        return run('zfs', 'create', $dataset);
    }
    my @mount = ('mount', '-t', $engine);
    if ($engine eq 'ocfs2') {
        run('mkfs.ocfs2', '-q', '-x', '-F', '-M', 'local', '--fs-features=refcount,xattr', '-b', '4K', '-C', '64K', $spare[-1]);
        push @mount, $spare[-1];
    } else {
        run('truncate', '-s', '1G', "$directory/image");
        run('mkfs.xfs', '-q', '-m', 'reflink=1', "$directory/image");
        push @mount, '-o', 'loop', "$directory/image";
    }
    mkdir $store or die;
    run(@mount, $store);
    $made = 1;
}

# A disk's id, by its name without suffix.
sub volid {
    my ($name) = @_;
    my ($vmid) = $name =~ /\A\w+-(\d+)-/;
    return $zfs ? "flat:$name" : "flat:$vmid/$name.raw";
}

sub volname { return volid(@_) =~ s/\Aflat://r; }

# As qemu-server asks for a name: with a suffix where the storage has a path.
sub asked { return $zfs ? $_[0] : "$_[0].raw"; }

sub place_of {
    my ($name) = @_;
    return $zfs ? "/dev/zvol/$dataset/$name" : "$store/images/" . volname($name);
}

# How many clones there are for readers, which come and go with them.
sub readers {
    return 0 if !$zfs;
    open(my $list, '-|', 'zfs', 'list', '-H', '-o', 'name', '-r', "$dataset/.flatsnap/readers") or die "zfs: $!";
    my @names = <$list>;
    return @names - 1;
}

sub no_reader_stays {
    my ($what) = @_;
    for (my $until = time() + 20; readers() && time() < $until; sleep(0.5)) { }
    is(readers(), 0, "$what: nothing is left of reading");
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

make_store();
open(my $toml, '>', "$directory/flatsnap.toml") or die;
print $toml <<"TEXT";
state-directory = "$directory/state"
socket = "$directory/flatsnapd.sock"
view = "$directory/view"
manager = "proxmox"
retire-grace = "0s"
TEXT
close($toml) or die;
$cfg->{ids}->{flat} = {
    type => 'flatsnap',
    'flatsnap-socket' => "$directory/flatsnapd.sock",
    content => { images => 1, rootdir => 1 },
    $zfs ? ('flatsnap-dataset' => $dataset) : (path => $store),
};
start();

# --- the storage

is(eval { $plugin->on_add_hook('flat', $cfg->{ids}->{flat}); 1 }, 1, 'is added') or diag($@);
ok(PVE::Storage::activate_storage($cfg, 'flat'), 'is activated');
my ($total, $available, $used, $active) = $plugin->status('flat', $cfg->{ids}->{flat}, {});
ok($active && $total > 500 << 20 && $available + $used <= $total, 'tells its room');
is_deeply(PVE::Storage::vdisk_list($cfg, 'flat')->{flat}, [], 'is empty at first');

# --- disks

my $disk = PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', undef, 4096);
is($disk, volid('vm-100-disk-0'), 'names a disk');
my $second = PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', undef, 4096);
is($second, volid('vm-100-disk-1'), 'and the next one');
my $efi = PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', undef, 528);
is(PVE::Storage::volume_size_info($cfg, $efi), $zfs ? 1 << 20 : 528 << 10, 'EFI variables are no multiple of a MiB');
# As qemu-server asks for it.
my @cloudinit = $zfs ? ('raw', 'vm-100-cloudinit') : ('qcow2', 'vm-100-cloudinit.qcow2');
my $cloudinit = PVE::Storage::vdisk_alloc($cfg, 'flat', 100, @cloudinit, 4096);
is($cloudinit, volid('vm-100-cloudinit'), 'cloud-init has a name of its own');
my $state = PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', asked('vm-100-state-before'), 8192);
is(PVE::Storage::path($cfg, $state), place_of('vm-100-state-before'), 'so has memory');
is(scalar(@{ PVE::Storage::vdisk_list($cfg, 'flat', 100)->{flat} }), 5, 'lists them');
dies_like(qr/there is a volume/, 'a name that is taken', sub { PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', asked('vm-100-cloudinit'), 4096) });
dies_like(qr/raw/, 'another format', sub { PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'qcow2', undef, 4096) });
dies_like(qr/100/, "another guest's name", sub { PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', asked('vm-101-disk-0'), 4096) });

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
is(content($disk, 's3'), 'one-3', 'also one of which only Proxmox VE knows that it is finished');
no_reader_stays('reading');
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
is_deeply([content($disk, 's1'), content($disk, 's2')], ['one-1', 'one-2'], 'snapshots are read wherever rollbacks have put them');
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
is($clone, volid('vm-200-disk-0'), 'a clone of a snapshot is named as one of its guest');
is(content($clone), 'one-1', 'and holds it');
my $current = PVE::Storage::vdisk_clone($cfg, $disk, 200);
is_deeply([$current, content($current)], [volid('vm-200-disk-1'), 'one-3'], 'one of the present state');
write_to($clone, 'other');
is(content($disk, 's1'), 'one-1', 'a clone is written without harm');
my $base = PVE::Storage::vdisk_create_base($cfg, $current);
is($base, volid('base-200-disk-1'), 'a template');
is(PVE::Storage::path($cfg, $base), place_of('base-200-disk-1'), 'stands under its name');
my $linked = PVE::Storage::vdisk_clone($cfg, $base, 201);
PVE::Storage::vdisk_free($cfg, $base);
is(content($linked), 'one-3', 'a template does not pin its clones, nor they it');

# --- full clones and backups, which read a snapshot by its path

sub full_clone {
    my ($from, $snap, $vmid) = @_;
    my $size = PVE::Storage::volume_size_info($cfg, $from);
    my $to = PVE::Storage::vdisk_alloc($cfg, 'flat', $vmid, 'raw', undef, $size / 1024);
    PVE::Storage::activate_volumes($cfg, [$from], $snap);
    PVE::Storage::activate_volumes($cfg, [$to]);
    my ($source) = PVE::Storage::path($cfg, $from, $snap) =~ /\A(.*)\z/;
    my ($target) = PVE::Storage::path($cfg, $to) =~ /\A(.*)\z/;
    run('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', $source, $target);
    PVE::Storage::deactivate_volumes($cfg, [$from], $snap);
    return $to;
}

ok(PVE::Storage::volume_has_feature($cfg, 'copy', $disk, 's1'), 'a snapshot can be copied');
my $full = full_clone($disk, 's1', 400);
is(content($full), 'one-1', 'a full clone of a snapshot holds it');
no_reader_stays('a full clone');
PVE::Storage::vdisk_free($cfg, $full);

my $rootfs = PVE::Storage::vdisk_alloc($cfg, 'flat', 500, 'raw', undef, 16384);
my $root = "$directory/root";
mkdir $root or die;
my @loop = $zfs ? () : ('-o', 'loop');
my ($device) = PVE::Storage::path($cfg, $rootfs) =~ /\A(.*)\z/;
run('mkfs.ext4', '-q', $device);
run('mount', @loop, $device, $root);
run('cp', '/etc/hostname', "$root/file");
run('fsfreeze', '-f', $root);
$containers{500} = { hostname => 'ct', snapshots => { vzdump => { snapstate => 'prepare' } } };
my $frozen = eval { PVE::Storage::volume_snapshot($cfg, $rootfs, 'vzdump'); 1 };
run('fsfreeze', '-u', $root);
is($frozen, 1, 'a container is backed up from a snapshot') or diag($@);
delete $containers{500}->{snapshots}->{vzdump}->{snapstate};
unlink "$root/file" or die;
run('umount', $root);
PVE::Storage::activate_volumes($cfg, [$rootfs], 'vzdump');
my ($image) = PVE::Storage::path($cfg, $rootfs, 'vzdump') =~ /\A(.*)\z/;
run('mount', '-o', 'ro,noload', @loop, $image, $root);
is(-s "$root/file", -s '/etc/hostname', 'which is mounted as it is');
run('umount', $root);
PVE::Storage::deactivate_volumes($cfg, [$rootfs], 'vzdump');
no_reader_stays('a backup');
PVE::Storage::volume_snapshot_delete($cfg, $rootfs, 'vzdump');
PVE::Storage::vdisk_free($cfg, $rootfs);

# --- changes

is(PVE::Storage::rename_volume($cfg, $linked, 202), volid('vm-202-disk-0'), 'is given to another guest');
PVE::Storage::volume_resize($cfg, volid('vm-202-disk-0'), 8 << 20, 0);
is((PVE::Storage::volume_size_info($cfg, volid('vm-202-disk-0')))[0], 8 << 20, 'grows');
dies_like(qr/./, 'it does not shrink', sub { PVE::Storage::volume_resize($cfg, volid('vm-202-disk-0'), 4 << 20, 0) });

# --- export and import

open(my $stream, '+>', "$directory/stream") or die;
$plugin->volume_export($cfg->{ids}->{flat}, 'flat', $stream, volname('vm-100-disk-0'), 'raw+size', 's1');
is(-s "$directory/stream", 8 + (4 << 20), 'exports a snapshot');
sysseek($stream, 0, 0);
my $imported = $plugin->volume_import($cfg->{ids}->{flat}, 'flat', $stream, volname('vm-300-disk-0'), 'raw+size', undef, undef, 0, 0);
is($imported, volid('vm-300-disk-0'), 'imports it');
is(content($imported), 'one-1', 'byte by byte');
sysseek($stream, 0, 0);
dies_like(
    qr/already exists/,
    'an import to a name that is taken',
    sub { $plugin->volume_import($cfg->{ids}->{flat}, 'flat', $stream, volname('vm-300-disk-0'), 'raw+size', undef, undef, 0, 0) },
);
is(
    $plugin->volume_import($cfg->{ids}->{flat}, 'flat', $stream, volname('vm-300-disk-0'), 'raw+size', undef, undef, 0, 1),
    volid('vm-300-disk-1'),
    'unless it may be renamed',
);

# --- the daemon dies

stop('KILL');
is_deeply([content($disk)], ['one-3'], 'without the daemon disks have their place');
ok(eval { PVE::Storage::activate_storage($cfg, 'flat'); $plugin->activate_volume('flat', $cfg->{ids}->{flat}, volname('vm-100-disk-0')); 1 }, 'a guest can start')
    or diag($@);
is(($plugin->status('flat', $cfg->{ids}->{flat}, {}))[3], 1, 'the storage is active');
ok(@{ PVE::Storage::vdisk_list($cfg, 'flat', 100)->{flat} } == 5, 'disks are listed');
dies_like(qr/systemctl status flatsnapd/, 'no snapshot is taken', sub { PVE::Storage::volume_snapshot($cfg, $disk, 's5') });
dies_like(qr/systemctl status flatsnapd/, 'nor read', sub { PVE::Storage::path($cfg, $disk, 's1') });
start();
is_deeply([sort keys %{ PVE::Storage::volume_snapshot_info($cfg, $disk) }], [qw(s1 s3)], 'started again it knows what it knew');
is(content($disk, 's1'), 'one-1', 'and they can be read again');

# --- the guest is destroyed, and its id used again

PVE::Storage::vdisk_free($cfg, $_) for $disk, $second, $efi, $cloudinit, $state;
is_deeply(PVE::Storage::vdisk_list($cfg, 'flat', 100)->{flat}, [], 'its disks are gone');
ok(!-e "$store/images/100", 'and their directory') if !$zfs;
is(PVE::Storage::vdisk_alloc($cfg, 'flat', 100, 'raw', undef, 4096), $disk, 'another guest gets the name');
is_deeply(PVE::Storage::volume_snapshot_info($cfg, $disk), {}, 'and none of its snapshots');
$guests{100}->{meta} = 'creation-qemu=9.0.2,ctime=1700000000';
take('s1', $disk);
is_deeply([keys %{ PVE::Storage::volume_snapshot_info($cfg, $disk) }], ['s1'], 'a name of its own is free again');

is_deeply([grep { !/works without snapshots|importing with a different name/ } @warnings], [], 'nothing else was complained of');
done_testing();
