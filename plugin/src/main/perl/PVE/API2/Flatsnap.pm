# SPDX-License-Identifier: AGPL-3.0-or-later
package PVE::API2::Flatsnap;

# What the tab "Flat snapshots" asks for, below /nodes/{node}/storage/{storage}/flatsnap/{vmid}; what Proxmox VE knows of a
# guest's snapshots, and what it does with them, stays with its own API. FlatsnapPlugin.pm loads this, and has the one client
# of the daemon; what that is loaded by, PVE::Storage, is not loaded here.
#
#   GET    .                                q?, limit?, cursor?: {snapshots: [row], next?}, newest first
#   GET    space                            snapshots?: {snapshots: [{id, name, exclusive}], freed?}, in bytes
#   PUT    snapshot/{snapshot}              description?, add-tags?, remove-tags?, held?: row
#   DELETE snapshot/{snapshot}              the row that was
#   GET    snapshot/{snapshot}/disk/{disk}  the raw image, without its length
#
# A guest is more to the daemon than its VMID, so one that has it again sees nothing of its predecessor. Whatever the daemon
# answers is looked through once more for the guest that was asked about: what a VM is called is its users' to choose. Of a
# guest without ctime the VMID is all there is, so none is shown or touched here that is retired: none of its disks is the
# guest's any more, it may be the predecessor's, and its name may be in use again. Root finds those below /snapshots/.retired.

use strict;
use warnings;

use Encode ();
use Fcntl;
use File::Temp;
use IO::Handle;
use POSIX ();
use Time::HiRes ();
use Time::Local ();
use URI::Escape ();

use PVE::Cluster;
use PVE::INotify;
use PVE::JSONSchema qw(get_standard_option);
use PVE::RESTHandler;
use PVE::Tools;

my $SNAPSHOT = '[0-9]{8}t[0-9]{9}-[0-9a-f]{8}';
my $CHUNK = 1 << 20;
# In seconds, for all that is asked of the daemon in one request. A node that asks another gives up after 30.
my $LIMIT = 25;
my $until;
# How long the proxy may take to fetch what it was told to.
my $PATIENCE = 60;

# --- the guest and its storage

my $storage_of = sub {
    my ($param) = @_;
    my $scfg = PVE::Storage::storage_check_enabled(PVE::Storage::config(), $param->{storage}, $param->{node});
    die "storage '$param->{storage}' is not of type flatsnap\n" if $scfg->{type} ne 'flatsnap';
    # Each request begins here, and a worker has one at a time.
    $until = Time::HiRes::time() + $LIMIT;
    return $scfg;
};

# The daemon's id: <vmid>-<ctime>, without ctime where the configuration has none.
my $id_of = sub {
    my ($param) = @_;
    my $vmid = $param->{vmid};
    # As it is on this node, where the request was sent for.
    my $node = PVE::INotify::nodename();
    my $guest = (PVE::Cluster::get_vmlist() // {})->{ids}->{$vmid};
    die "node '$node' has no guest $vmid\n" if !$guest || $guest->{node} ne $node;
    my $directory = $guest->{type} eq 'lxc' ? 'lxc' : 'qemu-server';
    my $config = PVE::Tools::file_get_contents("/etc/pve/nodes/$node/$directory/$vmid.conf");
    # What follows a line in brackets is that of a snapshot.
    for my $line (split(/\n/, $config)) {
        last if $line =~ /^\[/;
        return "$vmid-$1" if $line =~ /^meta:\s*(?:.*,)?ctime=(\d+)\s*(?:,|$)/;
    }
    return $vmid;
};

# --- the daemon

my $escape = sub { return URI::Escape::uri_escape_utf8($_[0]) };

my $query = sub {
    my @pairs = @_;
    my @parts;
    while (my ($name, $value) = splice(@pairs, 0, 2)) {
        push @parts, "$name=" . $escape->($value) if defined($value);
    }
    return @parts ? '?' . join('&', @parts) : '';
};

my $ask = sub {
    my ($scfg, $method, $path, $body) = @_;
    my $left = $until - Time::HiRes::time();
    return PVE::Storage::Custom::FlatsnapPlugin->request($scfg, $method, $path, $body, $left < 1 ? 1 : $left);
};

# Whether it is a snapshot of that very guest, and has a disk of it left.
my $is_of = sub {
    my ($snapshot, $id) = @_;
    return $snapshot->{vm} eq $id && !defined($snapshot->{labels}->{retired});
};

# Dies unless it is one of these.
my $find = sub {
    my ($scfg, $id, $snapshot) = @_;
    my $found = $ask->($scfg, 'GET', "/v1/vms/" . $escape->($id) . "/snapshots/$snapshot");
    die "guest $id has no snapshot $snapshot\n" if !$is_of->($found, $id) || $found->{id} ne $snapshot;
    return $found;
};

# A page of these, and the cursor of the next if there is one. It may have fewer than the limit; none only if there are no more.
my $page_of = sub {
    my ($scfg, $id, %param) = @_;
    my $cursor = $param{cursor};
    while (1) {
        my $page = $ask->(
            $scfg,
            'GET',
            '/v1/snapshots' . $query->(vm => $id, q => $param{q}, limit => $param{limit}, cursor => $cursor),
        );
        $cursor = $page->{next};
        my @found = grep { $is_of->($_, $id) } @{ $page->{snapshots} };
        return (\@found, $cursor) if @found || !defined($cursor);
    }
};

my $seconds = sub {
    my ($instant) = @_;
    my ($year, $month, $day, $hour, $minute, $second) =
        $instant =~ /^(\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?Z$/
        or die "the daemon's '$instant' is no time\n";
    return Time::Local::timegm_modern($second // 0, $minute, $hour, $day, $month - 1, $year);
};

# What the tab shows of a snapshot.
my $row = sub {
    my ($snapshot) = @_;
    my $labels = $snapshot->{labels};
    my %gone = map { $_ => 1 } @{ $labels->{gone} // [] };
    my @disks = map { { name => $_->{disk}, bytes => int($_->{bytes}) } } grep { !$gone{ $_->{disk} } } @{ $snapshot->{disks} };
    my $size = 0;
    $size += $_->{bytes} for @disks;
    my $row = {
        id => $snapshot->{id},
        name => $snapshot->{name},
        takenAt => $seconds->($snapshot->{takenAt}),
        size => $size,
        consistency => $snapshot->{quiescence}->{achieved},
        torn => $snapshot->{quiescence}->{torn} ? 1 : 0,
        held => $labels->{held} ? 1 : 0,
        orphaned => $snapshot->{orphaned} ? 1 : 0,
        untouchable => $snapshot->{foreign} && !$snapshot->{foreign}->{adopted} ? 1 : 0,
        tags => $labels->{tags} // [],
        description => $labels->{description} // '',
        disks => \@disks,
    };
    if (my $guard = $snapshot->{guard}) {
        $row->{guard} = $guard->{before};
        $row->{expires} = $seconds->($guard->{expiresAt});
    }
    $row->{foreign} = $snapshot->{foreign}->{name} if $snapshot->{foreign};
    return $row;
};

# --- permissions and parameters

my $storage_seen = ['perm', '/storage/{storage}', ['Datastore.Audit', 'Datastore.AllocateSpace'], any => 1];
my $guest_needs = sub { return { check => ['and', ['perm', '/vms/{vmid}', [@_]], $storage_seen] } };

my $parameters = sub {
    my (%more) = @_;
    return {
        additionalProperties => 0,
        properties => {
            node => get_standard_option('pve-node'),
            storage => get_standard_option('pve-storage-id'),
            vmid => get_standard_option('pve-vmid'),
            %more,
        },
    };
};

my $returned_row = {
    type => 'object',
    properties => {
        id => { description => 'Its id.', type => 'string' },
        name => { description => 'Its name.', type => 'string' },
        takenAt => { description => 'When it was taken, in seconds since 1970.', type => 'integer' },
        size => { description => 'The length of its disks in bytes.', type => 'integer' },
        consistency => { description => 'What was achieved of the consistency that was asked for.', type => 'string' },
        torn => { description => 'Whether its disks are of different moments.', type => 'boolean' },
        held => { description => 'Whether it must not be deleted.', type => 'boolean' },
        orphaned => {
            description => "Whether Proxmox VE should know it, and its configuration of the guest does not name it any more.",
            type => 'boolean',
        },
        untouchable => { description => 'Whether another tool took it and flatsnap only shows it.', type => 'boolean' },
        tags => { description => 'Words to find it by.', type => 'array', items => { type => 'string' } },
        description => { description => 'Free text.', type => 'string' },
        disks => {
            description => 'Those that it has and that are still there.',
            type => 'array',
            items => {
                type => 'object',
                properties => {
                    name => { description => 'The name of the volume.', type => 'string' },
                    bytes => { description => 'Its length.', type => 'integer' },
                },
            },
        },
        guard => { description => 'Before what flatsnap took it by itself.', type => 'string', optional => 1 },
        expires => { description => 'When a guard expires, in seconds since 1970.', type => 'integer', optional => 1 },
        foreign => { description => 'What it is called by the other tool that took it.', type => 'string', optional => 1 },
    },
};

my $snapshot_id = { description => 'The id of a snapshot.', type => 'string', pattern => $SNAPSHOT };
my $tag_list = sub {
    return { description => $_[0], type => 'string', maxLength => 4096, optional => 1 };
};
my $tags = sub { return [grep { $_ ne '' } split(/[\s,]+/, $_[0] // '')] };

# By the name of the class: it may be half loaded now, as FlatsnapPlugin.pm is loaded by what it uses.
# All of them run as root, on the node that has the guest.
my $register = sub {
    PVE::RESTHandler::register_method('PVE::API2::Storage::Status', { protected => 1, proxyto => 'node', @_ });
};

$register->(
    name => 'flatsnap_list',
    path => '{storage}/flatsnap/{vmid}',
    method => 'GET',
    description => 'List or search the flat snapshots of a guest.',
    permissions => $guest_needs->('VM.Audit'),
    parameters => $parameters->(
        q => {
            description => "A query, as 'flatsnap find' takes it.",
            type => 'string',
            maxLength => 1024,
            optional => 1,
        },
        limit => { description => 'The most to list.', type => 'integer', minimum => 1, maximum => 1000, optional => 1 },
        cursor => { description => 'What came as next.', type => 'string', maxLength => 1024, optional => 1 },
    ),
    returns => {
        type => 'object',
        properties => {
            snapshots => { description => 'The newest first.', type => 'array', items => $returned_row },
            next => { description => 'The cursor of what follows, if anything does.', type => 'string', optional => 1 },
        },
    },
    code => sub {
        my ($param) = @_;
        my $scfg = $storage_of->($param);
        my ($found, $next) = $page_of->($scfg, $id_of->($param), $param->%{qw(q limit cursor)});
        my $answer = { snapshots => [map { $row->($_) } @$found] };
        $answer->{next} = $next if defined($next);
        return $answer;
    },
);

$register->(
    name => 'flatsnap_space',
    path => '{storage}/flatsnap/{vmid}/space',
    method => 'GET',
    description => 'Measure what deleting flat snapshots of a guest would free.',
    permissions => $guest_needs->('VM.Audit'),
    parameters => $parameters->(
        snapshots => {
            description => 'Ids, with commas between; all if it is left out.',
            type => 'string',
            pattern => "$SNAPSHOT(?:,$SNAPSHOT){0,99}",
            optional => 1,
        },
    ),
    returns => {
        type => 'object',
        properties => {
            snapshots => {
                description => 'What deleting each alone would free, as exclusive bytes.',
                type => 'array',
                items => {
                    type => 'object',
                    properties => {
                        id => { description => 'Its id.', type => 'string' },
                        name => { description => 'Its name.', type => 'string' },
                        exclusive => { description => 'Bytes that nothing else uses.', type => 'integer' },
                    },
                },
            },
            freed => {
                description => 'The bytes that deleting all those that were named would free.',
                type => 'integer',
                optional => 1,
            },
        },
    },
    code => sub {
        my ($param) = @_;
        my $scfg = $storage_of->($param);
        my $id = $id_of->($param);
        my @wanted = split(/,/, $param->{snapshots} // '');
        my (%shown, $found, $cursor);
        do {
            ($found, $cursor) = $page_of->($scfg, $id, limit => 1000, cursor => $cursor);
            $shown{ $_->{id} } = 1 for @$found;
        } while (defined($cursor));
        for my $snapshot (@wanted) {
            die "guest $id has no snapshot $snapshot\n" if !$shown{$snapshot};
        }
        # A guest without any is not known to the daemon by this id; one of that name would be another.
        return { snapshots => [] } if !%shown;
        my $report =
            $ask->($scfg, 'GET', '/v1/vms/' . $escape->($id) . '/space' . $query->(map { (snapshot => $_) } @wanted));
        my $answer = {
            snapshots => [
                map { { id => $_->{id}, name => $_->{name}, exclusive => int($_->{exclusive}) } }
                grep { $shown{ $_->{id} } } @{ $report->{snapshots} }
            ],
        };
        # Of all, it would count what is not shown.
        $answer->{freed} = int($report->{freed}) if @wanted;
        return $answer;
    },
);

$register->(
    name => 'flatsnap_change',
    path => '{storage}/flatsnap/{vmid}/snapshot/{snapshot}',
    method => 'PUT',
    description => 'Hold, release, tag or describe a flat snapshot.',
    permissions => $guest_needs->('VM.Snapshot'),
    parameters => $parameters->(
        snapshot => $snapshot_id,
        description => { description => 'The new description.', type => 'string', maxLength => 4096, optional => 1 },
        'add-tags' => $tag_list->('Tags to add.'),
        'remove-tags' => $tag_list->('Tags to take away.'),
        held => { description => 'Whether it must not be deleted.', type => 'boolean', optional => 1 },
    ),
    returns => $returned_row,
    code => sub {
        my ($param) = @_;
        my $scfg = $storage_of->($param);
        my $id = $id_of->($param);
        $find->($scfg, $id, $param->{snapshot});
        my $change = {};
        $change->{description} = $param->{description} if defined($param->{description});
        $change->{addTags} = $tags->($param->{'add-tags'}) if defined($param->{'add-tags'});
        $change->{removeTags} = $tags->($param->{'remove-tags'}) if defined($param->{'remove-tags'});
        $change->{held} = $param->{held} ? \1 : \0 if defined($param->{held});
        my $path = '/v1/vms/' . $escape->($id) . "/snapshots/$param->{snapshot}";
        return $row->($ask->($scfg, 'PATCH', $path, $change));
    },
);

$register->(
    name => 'flatsnap_delete',
    path => '{storage}/flatsnap/{vmid}/snapshot/{snapshot}',
    method => 'DELETE',
    description => 'Delete a flat snapshot that Proxmox VE has no record of.',
    permissions => $guest_needs->('VM.Snapshot'),
    parameters => $parameters->(snapshot => $snapshot_id),
    returns => $returned_row,
    code => sub {
        my ($param) = @_;
        my $scfg = $storage_of->($param);
        my $id = $id_of->($param);
        $find->($scfg, $id, $param->{snapshot});
        return $row->($ask->($scfg, 'DELETE', '/v1/vms/' . $escape->($id) . "/snapshots/$param->{snapshot}"));
    },
);

# --- download

# Opens a pipe once somebody reads it; nobody may ever.
my $open_pipe = sub {
    my ($pipe) = @_;
    my $deadline = Time::HiRes::time() + $PATIENCE;
    while (1) {
        if (sysopen(my $out, $pipe, O_WRONLY | O_NONBLOCK)) {
            my $flags = fcntl($out, F_GETFL, 0) or die "cannot use $pipe: $!\n";
            fcntl($out, F_SETFL, $flags & ~O_NONBLOCK) or die "cannot use $pipe: $!\n";
            return $out;
        }
        die "cannot open $pipe: $!\n" if !$!{ENXIO};
        die "nobody fetched the image within $PATIENCE seconds\n" if Time::HiRes::time() > $deadline;
        Time::HiRes::sleep(0.1);
    }
};

my $send = sub {
    my ($image, $bytes, $pipe) = @_;
    sysopen(my $in, $image, O_RDONLY) or die "cannot read $image: $!\n";
    my $out = $open_pipe->($pipe);
    local $SIG{PIPE} = 'IGNORE';
    my ($sent, $told) = (0, 0);
    while ($sent < $bytes) {
        my $left = $bytes - $sent;
        my $length = sysread($in, my $chunk, $left < $CHUNK ? $left : $CHUNK) // die "cannot read $image: $!\n";
        die "$image ends after $sent of $bytes bytes\n" if !$length;
        my $written = 0;
        while ($written < $length) {
            my $count = syswrite($out, $chunk, $length - $written, $written);
            die $!{EPIPE} ? "it was cut short after $sent of $bytes bytes by who fetched it\n" : "cannot send: $!\n"
                if !defined($count);
            $written += $count;
        }
        $sent += $length;
        my $percent = int(100 * $sent / $bytes);
        if ($percent >= $told + 5) {
            $told = $percent;
            print "$percent % of $bytes bytes\n";
        }
    }
    close($out) or die "cannot send: $!\n";
};

$register->(
    name => 'flatsnap_download',
    path => '{storage}/flatsnap/{vmid}/snapshot/{snapshot}/disk/{disk}',
    method => 'GET',
    description => 'Download the raw image that a flat snapshot has of a disk.',
    download_allowed => 1,
    # What it takes to make a backup and fetch that.
    permissions => {
        check => [
            'and',
            ['perm', '/vms/{vmid}', ['VM.Backup']],
            ['perm', '/storage/{storage}', ['Datastore.AllocateSpace']],
        ],
    },
    parameters => $parameters->(
        snapshot => $snapshot_id,
        disk => {
            description => 'The name of its volume.',
            type => 'string',
            pattern => '(?:vm|base)-[1-9][0-9]{2,8}-[A-Za-z0-9][A-Za-z0-9_.-]*',
            maxLength => 128,
        },
    ),
    returns => { type => 'any' },
    code => sub {
        my ($param) = @_;
        my ($disk, $vmid) = ($param->{disk}, $param->{vmid});
        my $scfg = $storage_of->($param);
        my $found = $find->($scfg, $id_of->($param), $param->{snapshot});
        die "'$disk' is no disk of guest $vmid\n" if $disk !~ /^(?:vm|base)-\Q$vmid\E-/;
        die "snapshot '$found->{name}' has no disk '$disk'\n" if !grep { $_->{name} eq $disk } @{ $row->($found)->{disks} };
        my $place = PVE::Storage::Custom::FlatsnapPlugin::place($scfg);
        my $entry = $ask->(
            $scfg,
            'GET',
            '/v1/volumes/' . $escape->($disk) . '/snapshots/' . $escape->($found->{name}) . $query->(place => $place),
        );
        die "'$disk' of now is not the one of snapshot '$found->{name}'\n" if $entry->{id} ne $found->{id};
        die "the image of '$disk' cannot be read as a file: flatsnapd does not show it; 'flatsnap doctor' tells why\n" if !defined($entry->{path});

        # The proxy, which is not root, fetches it from a pipe that is its own.
        my (undef, undef, undef, $group) = getpwnam('www-data') or die "there is no user www-data\n";
        my $directory = File::Temp::tempdir('flatsnap-download-XXXXXXXX', DIR => '/run');
        my $pipe = "$directory/image";
        my $clean_up = sub {
            unlink($pipe);
            rmdir($directory);
        };
        eval {
            POSIX::mkfifo($pipe, 0640) or die "cannot make $pipe: $!\n";
            for my $mine ([$pipe, 0640], [$directory, 0710]) {
                my ($path, $mode) = @$mine;
                chown(0, $group, $path) && chmod($mode, $path) or die "cannot hand over $path: $!\n";
            }
            my $rpcenv = PVE::RPCEnvironment::get();
            $rpcenv->fork_worker(
                'flatsnapdownload',
                $vmid,
                $rpcenv->get_user(),
                sub {
                    print Encode::encode('UTF-8', "image of '$disk' in snapshot '$found->{name}' ($found->{id})\n");
                    my $sent = eval { $send->($entry->{path}, $entry->{bytes}, $pipe); 1 };
                    my $error = $@;
                    $clean_up->();
                    die $error if !$sent;
                    print "done\n";
                },
            );
            1;
        } or do {
            my $error = $@;
            $clean_up->();
            die $error;
        };
        return { download => { path => $pipe, stream => 1, 'content-type' => 'application/octet-stream' } };
    },
);

1;
