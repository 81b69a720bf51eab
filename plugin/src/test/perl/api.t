#!/usr/bin/perl
# SPDX-License-Identifier: AGPL-3.0-or-later
# What the web interface asks of PVE::API2::Flatsnap, with stand-ins for what Proxmox VE has around it and for the daemon,
# which answers what Api.java and VolumePaths.java say. Downloads are real: a worker, a pipe, another process that reads.
use strict;
use warnings;

use File::Temp;
use FindBin;
use Test::More;

use lib "$FindBin::Bin/../../main/perl";

# --- stand-ins

my $config = "boot: order=scsi0\nmeta: creation-qemu=9.0.2,ctime=1690000000\nname: web01\n\n[old]\nmeta: ctime=1\n";
my %files = ('/etc/pve/nodes/pve1/qemu-server/100.conf' => $config, '/etc/pve/nodes/pve1/lxc/101.conf' => "arch: amd64\n");
my %methods;
my @workers;

sub stand_in {
    my ($package, %subs) = @_;
    no strict 'refs';
    *{"${package}::$_"} = $subs{$_} for keys %subs;
    $INC{ $package =~ s{::}{/}gr . '.pm' } = __FILE__;
}

BEGIN {
    stand_in(
        'PVE::JSONSchema',
        import => sub {
            no strict 'refs';
            *{ caller() . '::get_standard_option' } = sub { return { standard => $_[0] } };
        },
    );
    stand_in('PVE::RESTHandler', register_method => sub { $methods{ $_[1]->{name} } = $_[1] if $_[0] eq 'PVE::API2::Storage::Status' });
    stand_in('PVE::INotify', nodename => sub { 'pve1' });
    stand_in('PVE::Tools', file_get_contents => sub { $files{ $_[0] } // die "cannot read $_[0]\n" });
    stand_in(
        'PVE::Cluster',
        get_vmlist => sub {
            return {
                ids => {
                    100 => { node => 'pve1', type => 'qemu' },
                    101 => { node => 'pve1', type => 'lxc' },
                    200 => { node => 'pve2', type => 'qemu' },
                },
            };
        },
    );
    stand_in(
        'PVE::Storage',
        config => sub { {} },
        storage_check_enabled => sub {
            my ($cfg, $storage) = @_;
            return { type => 'flatsnap', path => '/mnt/v m' } if $storage eq 'flat';
            return { type => 'flatsnap', 'flatsnap-dataset' => 'tank/vms' } if $storage eq 'tank';
            return { type => 'dir', path => '/var/lib/vz' } if $storage eq 'local';
            die "storage '$storage' does not exist\n";
        },
    );
    stand_in(
        'PVE::RPCEnvironment',
        get => sub { bless {}, 'PVE::RPCEnvironment' },
        get_user => sub { 'admin@pve' },
        fork_worker => sub {
            my ($self, $type, $id, $user, $code) = @_;
            my $log = File::Temp->new();
            my $pid = fork() // die "fork: $!";
            if (!$pid) {
                open(STDOUT, '>&', $log);
                $| = 1;
                my $done = eval { $code->(); 1 };
                print "TASK ERROR: $@" if !$done;
                close(STDOUT);
                require POSIX;
                POSIX::_exit($done ? 0 : 1);
            }
            push @workers, { pid => $pid, log => $log, type => $type, id => $id, user => $user };
        },
    );
}

my @asked;
my %answers;
stand_in(
    'PVE::Storage::Custom::FlatsnapPlugin',
    request => sub {
        my ($class, $scfg, $method, $path, $body) = @_;
        push @asked, [$method, $path, $body];
        my $answer = $answers{"$method $path"} // die "no such thing: $method $path\n";
        return ref($answer) eq 'CODE' ? $answer->($body) : $answer;
    },
    place => sub { return $_[0]->{path} },
);

require PVE::API2::Flatsnap;

# --- what the daemon has

my $id = '20261122t081637123-5f3a09bc';
my $other = '20261121t081637123-00000001';

sub snapshot {
    my (%more) = @_;
    return {
        id => $id,
        vm => '100-1690000000',
        vmName => 'web01',
        name => 'before upgrade',
        takenAt => '2026-11-22T08:16:37.123Z',
        labels => { description => 'nginx', tags => ['prod'], held => 1 },
        quiescence => { achieved => 'filesystem', torn => 0 },
        disks => [
            { disk => 'vm-100-disk-0', bytes => 4096 },
            { disk => 'vm-100-disk-1', bytes => 8192 },
        ],
        %more,
    };
}

my %of_100 = (node => 'pve1', storage => 'flat', vmid => 100);

sub call {
    my ($name, %param) = @_;
    @asked = ();
    return $methods{$name}->{code}->({ %of_100, %param });
}

sub refused {
    my ($pattern, $what, @call) = @_;
    eval { call(@call) };
    like($@, $pattern, $what);
}

my $list = '/v1/snapshots?vm=100-1690000000';

# --- listing

$answers{"GET $list&q=tag%3Dprod%20%26%20%C3%A4&limit=200"} = { snapshots => [snapshot()], next => 'c1' };
is_deeply(
    call('flatsnap_list', q => "tag=prod & \x{e4}", limit => 200),
    {
        snapshots => [
            {
                id => $id,
                name => 'before upgrade',
                takenAt => 1795335397,
                size => 12288,
                consistency => 'filesystem',
                torn => 0,
                held => 1,
                orphaned => 0,
                untouchable => 0,
                tags => ['prod'],
                description => 'nginx',
                disks => [{ name => 'vm-100-disk-0', bytes => 4096 }, { name => 'vm-100-disk-1', bytes => 8192 }],
            },
        ],
        next => 'c1',
    },
    'a page of what a query finds, of this guest as it is now',
);
$answers{"GET $list"} = {
    snapshots => [
        snapshot(
            guard => { before => 'rollback to s1', expiresAt => '2026-11-29T00:00:00Z' },
            foreign => { name => 'autosnap', adopted => 0 },
            labels => { description => '', tags => [], held => 0, gone => ['vm-100-disk-1'] },
        ),
        snapshot(vm => '200-1690000000', name => 'secret'),
        snapshot(vm => '100', name => 'of the one before'),
        snapshot(labels => { description => '', tags => [], held => 0, retired => '2026-11-22T09:00:00Z' }),
        snapshot(name => 'lost', orphaned => 1),
    ],
};
my $rows = call('flatsnap_list')->{snapshots};
is_deeply(
    [map { [$_->{name}, $_->{orphaned}] } @$rows],
    [['before upgrade', 0], ['lost', 1]],
    'what another guest has and what is retired is left out, whatever the daemon answers, and what is orphaned is told',
);
is_deeply(
    [$rows->[0]->@{qw(guard expires foreign untouchable size)}],
    ['rollback to s1', 1795910400, 'autosnap', 1, 4096],
    'guards, snapshots of others and disks that are gone',
);
my $fields = $methods{flatsnap_list}->{returns}->{properties}->{snapshots}->{items}->{properties};
is_deeply([sort keys %$fields], [sort keys $rows->[0]->%*], 'every field is documented');
$answers{'GET /v1/snapshots?vm=101'} = { snapshots => [] };
is_deeply(call('flatsnap_list', vmid => 101), { snapshots => [] }, 'a container has its VMID alone');
my $retired = { description => 'secret', tags => [], held => 0, retired => '2026-11-22T09:00:00Z' };
my $of_predecessor = snapshot(vm => '101', id => $other, labels => $retired);
$answers{'GET /v1/snapshots?vm=101&limit=1'} = { snapshots => [$of_predecessor], next => 'c1' };
$answers{'GET /v1/snapshots?vm=101&limit=1&cursor=c1'} = { snapshots => [snapshot(vm => '101')], next => 'c2' };
my $page = call('flatsnap_list', vmid => 101, limit => 1);
is_deeply(
    [$page->{next}, map { $_->{id} } $page->{snapshots}->@*],
    ['c2', $id],
    'of a predecessor with the same VMID nothing is shown, and a page is not empty for that',
);
refused(qr/node 'pve1' has no guest 200/, 'not of a guest on another node', 'flatsnap_list', vmid => 200);
refused(qr/has no guest 999/, 'nor of none', 'flatsnap_list', vmid => 999);
refused(qr/is not of type flatsnap/, 'nor through a storage of another type', 'flatsnap_list', storage => 'local');
is(scalar(@asked), 0, 'and the daemon is not asked');

# --- space

$answers{"GET $list&limit=1000"} = { snapshots => [snapshot()], next => 'c1' };
$answers{"GET $list&limit=1000&cursor=c1"} = { snapshots => [snapshot(id => $other)] };
$answers{"GET /v1/vms/100-1690000000/space?snapshot=$id&snapshot=$other"} =
    { snapshots => [{ id => $id, name => 'a', exclusive => 7 }], freed => 9 };
is_deeply(
    call('flatsnap_space', snapshots => "$id,$other"),
    { snapshots => [{ id => $id, name => 'a', exclusive => 7 }], freed => 9 },
    'space of two',
);
$answers{"GET $list&limit=1000"} = { snapshots => [snapshot(vm => '200-1')] };
is_deeply(call('flatsnap_space'), { snapshots => [] }, 'none of another guest that is called so');
$answers{'GET /v1/snapshots?vm=101&limit=1000'} = { snapshots => [$of_predecessor, snapshot(vm => '101')] };
$answers{'GET /v1/vms/101/space'} =
    { snapshots => [map { { id => $_, name => 'a', exclusive => 7 } } $id, $other], freed => 14 };
is_deeply(
    call('flatsnap_space', vmid => 101),
    { snapshots => [{ id => $id, name => 'a', exclusive => 7 }] },
    'nor of a predecessor, not even in the sum',
);
refused(qr/guest 101 has no snapshot $other/, 'nor if it is named', 'flatsnap_space', vmid => 101, snapshots => "$id,$other");
$answers{'GET /v1/snapshots?vm=101&limit=1000'} = { snapshots => [$of_predecessor] };
is_deeply(call('flatsnap_space', vmid => 101), { snapshots => [] }, 'nor if there is nothing else');
is(scalar(@asked), 1, 'which is not measured');

# --- labels

my $path = "/v1/vms/100-1690000000/snapshots/$id";
$answers{"GET $path"} = snapshot();
$answers{"PATCH $path"} = sub { snapshot(labels => { description => 'new', tags => ['a', 'b'], held => 0 }) };
is_deeply(
    call('flatsnap_change', snapshot => $id, description => 'new', 'add-tags' => 'a,b', 'remove-tags' => 'prod', held => 0)
        ->{tags},
    ['a', 'b'],
    'tags, description and hold are changed',
);
is_deeply(
    $asked[1],
    ['PATCH', $path, { description => 'new', addTags => ['a', 'b'], removeTags => ['prod'], held => \0 }],
    'in one request',
);
$answers{"DELETE $path"} = snapshot();
is(call('flatsnap_delete', snapshot => $id)->{id}, $id, 'one is deleted');
for my $method (qw(flatsnap_change flatsnap_delete flatsnap_download)) {
    $answers{"GET $path"} = snapshot(vm => '200-1690000000');
    refused(qr/guest 100-1690000000 has no snapshot/, "$method: not another guest's", $method, snapshot => $id, held => 1, disk => 'vm-100-disk-0');
    is(scalar(@asked), 1, 'and nothing more is asked');
    $answers{"GET $path"} = snapshot(labels => $retired);
    refused(qr/guest 100-1690000000 has no snapshot/, "$method: not a retired one", $method, snapshot => $id, held => 1, disk => 'vm-100-disk-0');
    is(scalar(@asked), 1, 'and nothing more is asked then');
}
$answers{"GET $path"} = snapshot();

# --- permissions and shapes

my %needs = (
    flatsnap_list => 'VM.Audit',
    flatsnap_space => 'VM.Audit',
    flatsnap_change => 'VM.Snapshot',
    flatsnap_delete => 'VM.Snapshot',
    flatsnap_download => 'VM.Backup',
);
is_deeply([sort keys %methods], [sort keys %needs], 'these are all');
for my $name (sort keys %methods) {
    my $method = $methods{$name};
    is_deeply($method->{permissions}->{check}->[1], ['perm', '/vms/{vmid}', [$needs{$name}]], "$name needs $needs{$name}");
    is($method->{permissions}->{check}->[2]->[1], '/storage/{storage}', 'and something on the storage');
    is_deeply([$method->@{qw(protected proxyto)}], [1, 'node'], 'it is done on the node, by root');
    is($method->{parameters}->{additionalProperties}, 0, 'it takes nothing more');
}
my $pattern = sub { my ($method, $name) = @_; return qr/^(?:$methods{$method}->{parameters}->{properties}->{$name}->{pattern})$/ };
like($id, $pattern->('flatsnap_delete', 'snapshot'), 'an id');
unlike($_, $pattern->('flatsnap_delete', 'snapshot'), "no id: $_") for 'latest', "$id/rollback", '../100', "$id?x";
unlike($_, $pattern->('flatsnap_download', 'disk'), "no disk: $_") for '../x', 'vm-0-a', 'etc/passwd', 'vm-100-a/b', 'vm-100-';

# --- download

my $bytes = 3_000_000;
my $image = File::Temp->new();
print {$image} 'flatsnap' x ($bytes / 8);
$image->flush();
my $entry = '/v1/volumes/vm-100-disk-0/snapshots/before%20upgrade?place=%2Fmnt%2Fv%20m';
$answers{"GET $entry"} = { name => 'before upgrade', id => $id, bytes => $bytes, path => "$image" };
my @wanted = ('flatsnap_download', snapshot => $id, disk => 'vm-100-disk-0');

sub ended {
    my $worker = pop @workers;
    waitpid($worker->{pid}, 0);
    open(my $log, '<', $worker->{log}) or die $!;
    local $/ = undef;
    return ($? >> 8, scalar(<$log>), $worker);
}

{
    my $download = call(@wanted)->{download};
    my $pipe = $download->{path};
    is_deeply([$download->@{qw(stream content-type)}], [1, 'application/octet-stream'], 'a stream is answered');
    my ($mode, $gid) = (stat($pipe))[2, 5];
    is(sprintf('%o', $mode & 07777), '640', 'the pipe is readable for its group');
    is($gid, (getpwnam('www-data'))[3], "which is the proxy's");
    open(my $in, '<:raw', $pipe) or die "$pipe: $!";
    local $/ = undef;
    my $got = <$in>;
    ok($got eq 'flatsnap' x ($bytes / 8), 'the image comes through it');
    my ($code, $log, $worker) = ended();
    is($code, 0, 'the task ends well');
    is_deeply([$worker->@{qw(type id user)}], ['flatsnapdownload', 100, 'admin@pve'], "it is the user's, of the guest");
    like($log, qr/before upgrade.*\n(?:.*% of.*\n)+done/, 'its log tells how far it is');
    ok(!-e $pipe && !-e $pipe =~ s{/image$}{}r, 'nothing is left');
}
{
    my $pipe = call(@wanted)->{download}->{path};
    open(my $in, '<:raw', $pipe) or die "$pipe: $!";
    sysread($in, my $some, 10);
    close($in);
    my ($code, $log) = ended();
    like($log, qr/TASK ERROR: it was cut short after \d+ of $bytes bytes/, 'a client that goes away is told of in the log');
    ok(!-e $pipe, 'nothing is left');
}
{
    $answers{"GET $entry"} = { name => 'before upgrade', id => $id, bytes => $bytes + 1, path => "$image" };
    my $pipe = call(@wanted)->{download}->{path};
    open(my $in, '<:raw', $pipe) or die "$pipe: $!";
    1 while sysread($in, my $some, 65536);
    my ($code, $log) = ended();
    like($log, qr/TASK ERROR: .* ends after $bytes of/, 'and an image that is too short');
}
$answers{"GET $entry"} = { name => 'before upgrade', id => $other, bytes => 1, path => "$image" };
refused(qr/is not the one of snapshot/, "not the image of another volume that has the disk's name now", @wanted);
$answers{"GET $entry"} = { name => 'before upgrade', id => $id, bytes => 1 };
refused(qr/cannot be read as a file/, 'not what has no file', @wanted);
refused(qr/is no disk of guest 100/, "not another guest's disk", @wanted, disk => 'vm-200-disk-0');
refused(qr/has no disk 'vm-100-disk-7'/, 'not what the snapshot does not have', @wanted, disk => 'vm-100-disk-7');
is_deeply([glob('/run/flatsnap-download-*')], [], 'no pipe is left anywhere');

done_testing();
