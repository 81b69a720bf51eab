#!/usr/bin/perl -T
# The storage plugin against daemons that are away, slow, broken or of another version, for the generation of Proxmox VE whose
# API level FLATSNAP_TEST_API gives (11: PVE 8, 15: PVE 9).
use strict;
use warnings;

use Cwd ();
use File::Basename ();
use File::Temp ();
use IO::Socket::UNIX;
use JSON ();
use Test::More;
use Time::HiRes qw(sleep time);

BEGIN {
    $ENV{PATH} = '/usr/sbin:/usr/bin:/sbin:/bin';
    delete @ENV{qw(IFS CDPATH ENV BASH_ENV)};
}
use lib map { /\A(.*)\z/ } map { Cwd::realpath(File::Basename::dirname(__FILE__)) . $_ } '/lib', '/../../main/perl';

use PVE::Storage;

my $plugin = 'PVE::Storage::Custom::FlatsnapPlugin';
my ($directory) = File::Temp::tempdir(CLEANUP => 1) =~ /\A(.*)\z/;
my $socket = "$directory/socket";
mkdir "$directory/store";
mkdir "$directory/store/images";
mkdir "$directory/store/images/100";
# As what PVE reads from its configuration.
my $taint = substr("$ENV{FLATSNAP_TEST_API}", 0, 0);
my $scfg = { type => 'flatsnap', path => "$directory/store$taint", 'flatsnap-socket' => "$socket$taint", content => { images => 1 } };
my $zfs = { type => 'flatsnap', 'flatsnap-dataset' => "tank/vms$taint", 'flatsnap-socket' => $socket };
$PVE::Storage::config->{ids}->{flat} = $scfg;
my $server;

sub stop {
    return if !$server;
    kill KILL => $server;
    waitpid($server, 0);
    undef $server;
    unlink $socket;
}

# A daemon that does this with each connection.
sub daemon {
    my ($code) = @_;
    stop();
    my $listening = IO::Socket::UNIX->new(Local => $socket, Listen => 5) or die "cannot listen: $!";
    $server = fork() // die;
    return if $server;
    $SIG{PIPE} = 'IGNORE';
    while (my $client = $listening->accept()) {
        my $request = '';
        while ($request !~ /\r\n\r\n/) {
            sysread($client, $request, 4096, length($request)) or last;
        }
        my ($length) = $request =~ /content-length: (\d+)/i;
        while ($length && length($request =~ s/\A.*?\r\n\r\n//sr) < $length) {
            sysread($client, $request, 4096, length($request)) or last;
        }
        $code->($client, $request);
        close($client);
    }
    POSIX::_exit(0);
}

sub answer {
    my ($status, $body) = @_;
    $body = JSON->new->encode($body) if ref($body);
    return "HTTP/1.1 $status X\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
}

sub answering {
    my ($status, $body) = @_;
    daemon(sub { syswrite($_[0], answer($status, $body)) });
}

# What came last.
sub sent {
    open(my $log, '<', "$directory/request") or die;
    local $/ = undef;
    return <$log>;
}

sub dies_with {
    my ($pattern, $what, $code) = @_;
    my $worked = eval { $code->(); 1 };
    my $error = $@;
    ok(!$worked, "$what: refused");
    like($error, $pattern, "$what: says why");
    is(($error =~ tr/\n//), 1, "$what: in one line");
}

sub within {
    my ($seconds, $what, $code) = @_;
    my $started = time();
    $code->();
    cmp_ok(time() - $started, '<', $seconds, "$what: within $seconds s");
}

is($plugin->api(), $ENV{FLATSNAP_TEST_API} < 15 ? 0 + $ENV{FLATSNAP_TEST_API} : 15, 'the level of the host');

# Names.
is_deeply([$plugin->parse_volname('100/vm-100-disk-0.raw')], ['images', 'vm-100-disk-0.raw', 100, undef, undef, undef, 'raw'], 'a disk');
is(($plugin->parse_volname('100/base-100-disk-0.raw'))[5], 'base-', 'a base image');
is(($plugin->parse_volname('vm-100-state-before'))[1], 'vm-100-state-before', 'a state, on ZFS');
for my $bad ('100/vm-101-disk-0.raw', '../100/vm-100-disk-0.raw', '100/vm-100-../x.raw', "100/vm-100-disk-0.raw\n", '100/vm-100-disk-0.qcow2',
    'vm-99-disk-0', 'vm-100-', 'vm-100-disk 0', 'vm-100-' . 'x' x 130, '100/snap-x.raw', 'iso/x.iso') {
    dies_with(qr/unable to parse/, "volume '$bad'", sub { $plugin->parse_volname($bad) });
}
is(scalar $plugin->path($zfs, 'vm-100-disk-0', 'z'), '/dev/zvol/tank/vms/vm-100-disk-0', 'a device');
dies_with(qr/unable to parse/, 'a file on ZFS', sub { $plugin->path($zfs, '100/vm-100-disk-0.raw', 'z') });
dies_with(qr/unable to parse/, 'a device in a directory', sub { $plugin->path($scfg, 'vm-100-disk-0', 'flat') });

# Configuration.
for my $case (
    [qr/either path or/, 'neither', {}],
    [qr/either path or/, 'both', { path => '/a', 'flatsnap-dataset' => 'b' }],
    [qr/absolute path/, 'dots', { path => '/a/../b' }],
    [qr/absolute path/, 'a comma, which ends a word of QEMU', { path => '/mnt/a,b' }],
    [qr/absolute path/, 'letters that PVE writes as bytes', { path => "/mnt/gr\xfcn" }],
    [qr/does not name/, 'an option for zfs', { 'flatsnap-dataset' => '-r' }],
    [qr/cannot be shared/, 'shared ZFS', { 'flatsnap-dataset' => 'a', shared => 1 }],
    ) {
    my ($pattern, $what, $config) = @$case;
    # PVE asks it of every storage it reads, and what dies there takes all others with it.
    ok($plugin->check_config('x', $config, 1, 1), "$what: is read");
    # Also of a storage that is another host's.
    dies_with($pattern, $what, sub { $plugin->on_add_hook('x', { %$config, nodes => { other => 1 } }) });
}
is(eval { $plugin->on_add_hook('x', { path => '/mnt/vms', shared => 1, nodes => { other => 1 } }); 'added' }, 'added', 'a shared directory')
    or diag($@);
# As PVE::API2::Storage::Config calls it: from level 13 on the other one.
sub changed {
    my ($id, $update) = @_;
    return $plugin->on_update_hook($id, $update) if $ENV{FLATSNAP_TEST_API} < 13;
    return $plugin->on_update_hook_full($id, $PVE::Storage::config->{ids}->{$id}, $update, [], {});
}
$PVE::Storage::config->{ids}->{z} = $zfs;
dies_with(qr/cannot be shared/, 'ZFS, shared later', sub { changed('z', { shared => 1 }) });
is(changed('flat', { shared => 1 }), undef, 'a directory, shared later');
is(changed('z', { nodes => { pve1 => 1 } }), undef, 'ZFS, for certain nodes');

# Without a daemon.
my $disk = "$directory/store/images/100/vm-100-disk-0.raw";
open(my $handle, '>', $disk) or die;
truncate($handle, 540672);
close($handle);
@PVE::SafeSyslog::logged = ();
{
    local $SIG{__WARN__} = sub { };
    within(2, 'activation', sub { ok(PVE::Storage::activate_storage($PVE::Storage::config, 'flat'), 'down: the storage is usable') });
    like($PVE::SafeSyslog::logged[0], qr/warning: storage 'flat'.*systemctl status flatsnapd/, 'down: logged');
    is_deeply([map { "$_->{volid} $_->{size}" } @{ PVE::Storage::vdisk_list($PVE::Storage::config, 'flat')->{flat} }], ['flat:100/vm-100-disk-0.raw 540672'], 'down: listed');
    my $gone = { %$scfg, path => "$directory/none" };
    dies_with(qr/does not exist/, 'no directory', sub { $plugin->activate_storage('x', $gone) });
}
is(PVE::Storage::path($PVE::Storage::config, 'flat:100/vm-100-disk-0.raw'), $disk, 'down: path');
ok($plugin->activate_volume('flat', $scfg, '100/vm-100-disk-0.raw'), 'down: a VM can start');
dies_with(qr/does not exist/, 'no such volume', sub { $plugin->activate_volume('flat', $scfg, '100/vm-100-disk-9.raw') });
my @status = $plugin->status('flat', $scfg);
ok($status[3] && $status[0] >= $status[1], 'down: status');
is(PVE::Storage::volume_size_info($PVE::Storage::config, 'flat:100/vm-100-disk-0.raw'), 540672, 'down: size');
dies_with(qr/cannot be reached.*systemctl status flatsnapd/, 'down: a snapshot', sub { PVE::Storage::volume_snapshot($PVE::Storage::config, 'flat:100/vm-100-disk-0.raw', 's1') });

# Daemons that do not do what they should.
for my $case (
    ['one that says nothing', sub { sleep 60 }],
    ['one that hangs within', sub { syswrite($_[0], "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"pl"); sleep 60 }],
    ['one that trickles', sub { for my $byte (split //, answer(200, { place => 'x' x 200 })) { syswrite($_[0], $byte); sleep 0.2 } }],
    ) {
    my ($what, $code) = @$case;
    daemon($code);
    local $SIG{__WARN__} = sub { };
    within(3.5, $what, sub { ok($plugin->activate_storage('flat', $scfg), "$what: usable from the file system") });
    within(3.5, $what, sub { ok(($plugin->status('flat', $scfg))[3], "$what: status") });
}
for my $case (
    ['one that fails', 500, { why => 'a defect', detail => 'cannot do it: a defect. Report it' }],
    ['one without its store', 503, { why => 'not mounted', detail => 'cannot use the store: not mounted. Mount it' }],
    ['one of another version', 404, { why => 'the API has no such path', detail => 'x' }],
    ['one that is none', 200, 'Hello'],
    ) {
    my ($what, $status, $body) = @$case;
    answering($status, $body);
    local $SIG{__WARN__} = sub { };
    ok(eval { $plugin->activate_storage('flat', $scfg) }, "$what: guests start") or diag($@);
}
answering(422, { why => 'it has no reflink', detail => 'cannot use it: it has no reflink. Make it anew' });
dies_with(qr/\Aunable to activate storage 'flat' - cannot use it/, 'a store that is refused', sub { $plugin->activate_storage('flat', $scfg) });
# pvestatd asks for all storages with one cache.
daemon(sub { sleep 60 });
{
    local $SIG{__WARN__} = sub { };
    my $cache = {};
    within(3, 'many storages of one that hangs', sub { $plugin->activate_storage("flat$_", $scfg, $cache) for 1 .. 8 });
    @PVE::SafeSyslog::logged = ();
    $plugin->activate_storage('flat1', $scfg, $cache);
    is_deeply(\@PVE::SafeSyslog::logged, [], 'and it is not said each time');
}
my $info = sub { $plugin->volume_snapshot_info($scfg, 'flat', '100/vm-100-disk-0.raw') };
answering(404, { status => 404, why => 'the API has no such path', detail => 'x' });
dies_with(qr/of another version/, 'no such route', $info);
answering(404, '<html>Not found</html>');
dies_with(qr/of another version/, 'something else', $info);
answering(200, {});
dies_with(qr/lacks 'snapshots'.*another version/, 'a missing field', $info);
answering(200, '{"snapshots":[');
dies_with(qr/cannot be read/, 'half an object', $info);
daemon(sub { syswrite($_[0], "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"pl") });
dies_with(qr/systemctl status flatsnapd|cannot be read/, 'an answer that breaks off', $info);
answering(409, { why => 'it exists', detail => "cannot do it:\nit exists. Do that" });
dies_with(qr/\Acannot do it: it exists. Do that$/, 'a problem', $info);
answering(200, { snapshots => [{ name => 's1', id => 'abc', takenAt => '2023-07-22T04:26:40.5Z', bytes => 7 }] });
is_deeply($info->(), { s1 => { id => 'abc', timestamp => 1690000000, 'virtual-size' => 7 } }, 'what snapshots there are');
for my $bad ('', '../x', '-r', 'a b', "a\n", 'x' x 41, 'a@b', undef) {
    dies_with(qr/not a name/, 'a snapshot of a bad name', sub { $plugin->volume_snapshot($scfg, 'flat', '100/vm-100-disk-0.raw', $bad) });
}
# What is sent: the request comes back as the name.
daemon(sub { open(my $log, '>', "$directory/request"); print $log $_[1]; close($log); syswrite($_[0], answer(201, {})) });
is(PVE::Storage::vdisk_alloc($PVE::Storage::config, 'flat', 100, 'raw', undef, 528), 'flat:100/vm-100-disk-1.raw', 'the next free name');
my $request = sent();
like($request, qr!\APOST /v1/volumes\?place=\S*%2Fstore HTTP/1.1\r\n!, 'what is asked');
is_deeply(JSON->new->decode($request =~ s/\A.*?\r\n\r\n//sr), { name => 'vm-100-disk-1', bytes => 540672 }, 'bytes for PVE\'s KiB');
is(PVE::Storage::vdisk_alloc($PVE::Storage::config, 'flat', 100, 'raw', undef, 528.5), 'flat:100/vm-100-disk-1.raw', 'of an image that is no whole KiB');
is_deeply(JSON->new->decode(sent() =~ s/\A.*?\r\n\r\n//sr), { name => 'vm-100-disk-1', bytes => 541696 }, 'bytes for it');
# A store that another storage has too is not forgotten with one of them.
my $asked = sub { unlink "$directory/request"; $plugin->on_delete_hook(@_); return -e "$directory/request" ? sent() : '' };
$PVE::Storage::config->{ids}->{twin} = { %$scfg, path => "$directory/store/" };
is($asked->('flat', $scfg), '', 'one of two storages of a store is removed');
$PVE::Storage::config->{ids}->{twin}->{nodes} = { other => 1 };
like($asked->('flat', $scfg), qr!\ADELETE /v1/stores\?place=!, 'the only one on this node');
is($asked->('flat', { %$scfg, nodes => { other => 1 } }), '', 'one of another node');
delete $PVE::Storage::config->{ids}->{twin};
# Somebody left a file where a guest's directory would be.
open(my $stray, '>', "$directory/store/images/123") or die;
close($stray);
is_deeply([map { $_->{volid} } @{ PVE::Storage::vdisk_list($PVE::Storage::config, 'flat')->{flat} }], ['flat:100/vm-100-disk-0.raw'], 'a stray file is passed over');
dies_with(qr/should belong/, 'another guest\'s name', sub { $plugin->alloc_image('flat', $scfg, 100, 'raw', '101/vm-101-disk-0.raw', 4) });
dies_with(qr/needs a size/, 'a directory for a container', sub { $plugin->alloc_image('flat', $scfg, 100, 'subvol', undef, 0) });
dies_with(qr/raw images only/, 'qcow2', sub { $plugin->alloc_image('flat', $scfg, 100, 'qcow2', undef, 4) });
ok(!$plugin->volume_has_feature($scfg, 'clone', 'flat', '100/vm-100-disk-0.raw', undef, 0, { valid_target_formats => ['qcow2'] }), 'no clone to qcow2');
ok($plugin->volume_has_feature($scfg, 'clone', 'flat', '100/vm-100-disk-0.raw', 's1', 1, {}), 'clone of a snapshot');
# A snapshot's file is where flatsnapd says, if it says so.
answering(200, { name => 's1', id => 'abc', bytes => 7, path => '/snapshots/.images/abc/vm-100-disk-0.raw' });
is(scalar $plugin->path($zfs, 'vm-100-disk-0', 'z', 's1'), '/snapshots/.images/abc/vm-100-disk-0.raw', 'a snapshot of a device');
is_deeply([$plugin->path($zfs, 'vm-100-disk-0', 'z', 's1')], ['/snapshots/.images/abc/vm-100-disk-0.raw', 100, 'images'], 'in a list');
answering(200, { name => 's1', id => 'abc', bytes => 7 });
dies_with(qr/cannot be read.*flatsnap doctor/, 'a snapshot that is not shown', sub { $plugin->path($zfs, 'vm-100-disk-0', 'z', 's1') });
stop();
done_testing();
