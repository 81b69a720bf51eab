# SPDX-License-Identifier: AGPL-3.0-or-later
package PVE::Storage::Custom::FlatsnapPlugin::Connection;

# HTTP as Net::HTTP speaks it, over a unix socket.

use strict;
use warnings;

use IO::Socket::UNIX;
use Net::HTTP::Methods;

our @ISA = qw(IO::Socket::UNIX Net::HTTP::Methods);

sub configure {
    my ($self, $settings) = @_;
    # The header; a socket has no address.
    @{$settings}{ 'Host', 'PeerAddr' } = ('localhost', 'localhost');
    return $self->http_configure($settings);
}

sub http_connect {
    my ($self, $settings) = @_;
    return $self->IO::Socket::UNIX::configure({ Peer => $settings->{Peer} });
}

package PVE::Storage::Custom::FlatsnapPlugin;

# Raw disks whose snapshots do not hang together: a thin client of flatsnapd. What a guest needs to start and to go on
# running is read from the file system and works without the daemon.
#
# A storage is either a directory (path), with volumes <vmid>/vm-<vmid>-disk-<n>.raw in images/, or a dataset of ZFS
# (flatsnap-dataset), with volumes vm-<vmid>-disk-<n>. The daemon knows both kinds without directory and suffix.

use strict;
use warnings;

use Errno qw(ENOENT ENOTDIR);
use File::stat ();
use JSON ();
use POSIX ();
use Time::HiRes ();
use URI::Escape qw(uri_escape);

use PVE::INotify;
use PVE::SafeSyslog;
use PVE::Storage::DirPlugin;
use PVE::Storage::Plugin;
use PVE::Tools qw(run_command);

use base qw(PVE::Storage::Plugin);

# The newest level of PVE's storage API this was made for.
my $NEWEST_API = 15;

my $SOCKET = '/run/flatsnap/flatsnapd.sock';
my $SEE = "see 'systemctl status flatsnapd'";
my $NAME = qr/(vm|base)-([1-9][0-9]{2,8})-[A-Za-z0-9][A-Za-z0-9_.-]*/;

# Whole calls, in seconds. pvestatd asks all storages one after another; what holds the cluster lock is killed after 60. What
# changes something gets longer than flatsnapd waits for a guest's lock, twice 20: it must not be done when nobody waits any more.
my $AT_ONCE = 2;
my $SOON = 10;
my $UNDER_LOCK = 50;
my $LONG = 120;

# --- configuration

sub api {
    my $host = eval { PVE::Storage::APIVER() } // 9;
    return $host < $NEWEST_API ? $host : $NEWEST_API;
}

sub type { return 'flatsnap'; }

sub plugindata {
    return {
        content => [{ images => 1, rootdir => 1, none => 1 }, { images => 1, rootdir => 1 }],
        format => [{ raw => 1 }, 'raw'],
        'sensitive-properties' => {},
    };
}

sub properties {
    return {
        'flatsnap-dataset' => {
            description => 'ZFS dataset that holds the volumes.',
            type => 'string',
            pattern => '[A-Za-z0-9][A-Za-z0-9_.:-]*(?:/[A-Za-z0-9][A-Za-z0-9_.:-]*)*',
            maxLength => 200,
        },
        'flatsnap-socket' => {
            description => 'Socket of flatsnapd.',
            type => 'string',
            pattern => '/[A-Za-z0-9_./-]+',
            maxLength => 100,
            default => $SOCKET,
        },
    };
}

sub options {
    return {
        path => { fixed => 1, optional => 1 },
        'flatsnap-dataset' => { fixed => 1, optional => 1 },
        'flatsnap-socket' => { optional => 1 },
        is_mountpoint => { optional => 1 },
        content => { optional => 1 },
        nodes => { optional => 1 },
        disable => { optional => 1 },
        shared => { optional => 1 },
        bwlimit => { optional => 1 },
    };
}

sub refuse_shared_dataset {
    my ($storeid, $scfg) = @_;
    die "storage '$storeid': a dataset of ZFS belongs to one host and cannot be shared\n"
        if $scfg->{shared} && $scfg->{'flatsnap-dataset'};
    return;
}

# The daemon's name of the store, untainted.
sub place {
    my ($scfg) = @_;
    if (defined(my $dataset = $scfg->{'flatsnap-dataset'})) {
        return $1 if $dataset =~ m!\A([A-Za-z0-9][\w.:-]*(?:/[A-Za-z0-9][\w.:-]*)*)\z!a;
        die "'$dataset' does not name a dataset of ZFS\n";
    }
    my $path = $scfg->{path} // die "storage definition has neither path nor flatsnap-dataset\n";
    # Not all of PVE quotes what else a path may have.
    die "'" . visible($path) . "' is not an absolute path of letters, digits and -/_.@ without '..'\n"
        if $path !~ m!\A/[-/A-Za-z0-9_.@]+\z! || $path =~ m!(?:\A|/)\.\.?(?:/|\z)!;
    $path =~ m!\A(.+?)/*\z!;
    return $1;
}

sub on_add_hook {
    my ($class, $storeid, $scfg, %sensitive) = @_;
    # Here and not in check_config, which PVE also calls for each storage that it reads: dying there, a single one that was
    # edited by hand takes all others with it.
    die "storage '$storeid': give either path or flatsnap-dataset\n" if !$scfg->{path} == !$scfg->{'flatsnap-dataset'};
    refuse_shared_dataset($storeid, $scfg);
    my $place = place($scfg);
    # The storage of a host that is not this one cannot be tried here.
    return if !is_of_this_node($scfg);
    call($scfg, PUT => '/v1/stores', { place => $place }, $SOON);
    return;
}

sub is_of_this_node {
    my ($scfg) = @_;
    return !$scfg->{nodes} || $scfg->{nodes}->{ PVE::INotify::nodename() };
}

# What PVE checks of a change is the change alone.
sub on_update_hook {
    my ($class, $storeid, $update) = @_;
    return $class->on_update_hook_full($storeid, PVE::Storage::storage_config(PVE::Storage::config(), $storeid), $update);
}

sub on_update_hook_full {
    my ($class, $storeid, $scfg, $update, $delete, $sensitive) = @_;
    refuse_shared_dataset($storeid, { %$scfg, %$update });
    return;
}

sub on_delete_hook {
    my ($class, $storeid, $scfg) = @_;
    return if !is_of_this_node($scfg);
    my $place = place($scfg);
    # PVE calls this also when it could not add one, which may be because there is one.
    my $all = PVE::Storage::config()->{ids};
    for my $other (grep { $_ ne $storeid && ($all->{$_}->{type} // '') eq 'flatsnap' } keys %$all) {
        return if is_of_this_node($all->{$other}) && (eval { place($all->{$other}) } // '') eq $place;
    }
    # A storage can be removed whether the daemon runs or not; what is on it stays.
    eval { call($scfg, DELETE => '/v1/stores?place=' . uri_escape($place), undef, $SOON) };
    complain("storage '$storeid': flatsnapd was not told that it is removed: $@") if $@;
    return;
}

sub get_formats { return { default => 'raw', valid => { raw => 1 } }; }

sub get_identity {
    my ($class, $scfg, $storeid) = @_;
    my $path = '/v1/stores?place=' . uri_escape(place($scfg));
    return 'flatsnap:' . field(call($scfg, GET => $path, undef, $SOON), 'store');
}

# --- the daemon

# For messages, which are one line.
sub visible { return $_[0] =~ s/[\0-\x1f\x7f]/?/gr; }

sub complain {
    my ($text) = @_;
    $text =~ s/\s+\z//;
    $text =~ s/\s*\n\s*/ /g;
    syslog('warning', '%s', $text);
    warn "$text\n";
    return;
}

sub exchange {
    my ($scfg, $method, $path, $body) = @_;
    my ($socket) = ($scfg->{'flatsnap-socket'} // $SOCKET) =~ m!\A(/[\w./-]+)\z!a
        or die "flatsnap-socket is not an absolute path\n";
    my $connection = PVE::Storage::Custom::FlatsnapPlugin::Connection->new(Peer => $socket)
        or die "flatsnapd cannot be reached at $socket ($!): $SEE\n";
    my @content = defined($body) ? ('Content-Type' => 'application/json', JSON->new->utf8->encode($body)) : ();
    $connection->write_request($method => $path, Accept => 'application/json', Connection => 'close', @content);
    my ($status) = $connection->read_response_headers();
    my $answer = '';
    while (1) {
        my $count = $connection->read_entity_body(my $part, 65536);
        die "its answer broke off: $!\n" if !defined($count);
        last if !$count;
        $answer .= $part;
        die "its answer is too long\n" if length($answer) > 64 << 20;
    }
    return { status => $status, content => $answer };
}

my $UNREACHABLE = 'flatsnapd did not answer';
# What no request is refused with: the daemon is away, broken, or of another version.
my $UNUSABLE = qr/\Aflatsnapd(?: did not answer|:| answered|'s answer)/;

# One request within so many seconds, however slowly it is answered. Where there is no answer, dies with $UNREACHABLE in front.
sub call {
    my ($scfg, $method, $path, $body, $seconds) = @_;
    my $what = "$method " . ($path =~ s/\?.*//sr);
    my $answer = eval { PVE::Tools::run_with_timeout($seconds, \&exchange, $scfg, $method, $path, $body) };
    if (my $error = $@) {
        $error = sprintf("nothing within %.3g s\n", $seconds) if $error =~ /\Agot timeout/;
        $error =~ s/ at \S+ line \d+\.?$//;
        $error =~ s/\s+\z//;
        die "$UNREACHABLE: $error" . ($error =~ /\Q$SEE\E/ ? '' : "; $SEE") . "\n";
    }
    my $status = $answer->{status};
    my $json = eval { JSON->new->utf8->decode($answer->{content}) };
    if ($status !~ /\A2/) {
        if (ref($json) eq 'HASH' && defined($json->{why}) && $json->{why} ne 'the API has no such path' && $status != 405) {
            my $line = $json->{detail} // $json->{why};
            $line =~ s/[\s\0-\x1f]+/ /g;
            die $status >= 500 ? "flatsnapd: $line\n" : "$line\n";
        }
        die "flatsnapd answered $status to $what: is it of another version than the storage plugin? $SEE\n";
    }
    die "flatsnapd's answer to $what cannot be read: is it of another version than the storage plugin? $SEE\n"
        if ref($json) ne 'HASH';
    return $json;
}

sub field {
    my ($answer, $name) = @_;
    return $answer->{$name}
        // die "flatsnapd's answer lacks '$name': is it of another version than the storage plugin? $SEE\n";
}

# The path of a request about a volume or, with more, about what belongs to it.
sub route {
    my ($scfg, $name, @more) = @_;
    return join('/', '/v1/volumes', map { uri_escape($_) } grep { defined } $name, @more)
        . '?place=' . uri_escape(place($scfg));
}

sub snapshot_name {
    my ($snap) = @_;
    return $1 if defined($snap) && $snap =~ m!\A([A-Za-z][\w-]{0,39})\z!a;
    die "'" . visible($snap // '') . "' is not a name that Proxmox VE gives a snapshot\n";
}

# What the guest's own configuration says, where it can be read; nothing depends on it.
sub guest {
    my ($vmid, $snap) = @_;
    for my $kind (['qemu', 'PVE::QemuConfig', 'name'], ['lxc', 'PVE::LXC::Config', 'hostname']) {
        my ($type, $module, $key) = @$kind;
        my $guest = eval {
            (my $file = "$module.pm") =~ s!::!/!g;
            require $file;
            my $conf = $module->load_config($vmid);
            my $about = { vmid => 0 + $vmid, type => $type };
            $about->{name} = "$conf->{$key}" if defined($conf->{$key});
            $about->{ctime} = 0 + $1 if ($conf->{meta} // '') =~ /(?:\A|,)ctime=(\d+)/;
            my $state = defined($snap) ? $conf->{snapshots}->{$snap}->{snapstate} : undef;
            $about->{snapstate} = "$state" if defined($state);
            my $running = eval {
                if ($type eq 'qemu') {
                    require PVE::QemuServer::Helpers;
                    return PVE::QemuServer::Helpers::vm_running_locally($vmid) ? 1 : 0;
                }
                require PVE::LXC;
                return PVE::LXC::check_running($vmid) ? 1 : 0;
            };
            $about->{running} = $running ? JSON::true : JSON::false if defined($running);
            return $about;
        };
        return $guest if $guest;
    }
    return;
}

sub with_guest {
    my ($body, $vmid, $snap) = @_;
    my $guest = guest($vmid, $snap);
    $body->{guest} = $guest if $guest;
    return $body;
}

# --- names and paths

sub parse_volname {
    my ($class, $volname) = @_;
    # With a directory the name keeps its suffix, as the plugins of PVE have it.
    if ($volname =~ m!\A([1-9][0-9]{2,8})/($NAME\.raw)\z!a && $1 eq $4 && length($2) <= 132) {
        return ('images', $2, $1, undef, undef, $3 eq 'base' ? 'base-' : undef, 'raw');
    }
    if ($volname =~ m!\A($NAME)\z!a && length($1) <= 128) {
        return ('images', $1, $3, undef, undef, $2 eq 'base' ? 'base-' : undef, 'raw');
    }
    die "unable to parse flatsnap volume name '" . visible($volname) . "'\n";
}

# The daemon's name of a volume of this storage.
sub name_of {
    my ($class, $scfg, $volname) = @_;
    my $name = ($class->parse_volname($volname))[1];
    my $in_directory = $volname =~ m!/!;
    die "unable to parse flatsnap volume name '$volname'\n" if !!$in_directory != !$scfg->{'flatsnap-dataset'};
    $name =~ s/\.raw\z// if $in_directory;
    return $name;
}

sub volname_of {
    my ($scfg, $name) = @_;
    return $name if $scfg->{'flatsnap-dataset'};
    my ($vmid) = $name =~ /\A$NAME\z/a ? $2 : die "unable to parse flatsnap volume name '$name'\n";
    return "$vmid/$name.raw";
}

sub filesystem_path {
    my ($class, $scfg, $volname, $snapname) = @_;
    my $name = $class->name_of($scfg, $volname);
    my ($vtype, undef, $vmid) = $class->parse_volname($volname);
    my $path;
    if (defined($snapname)) {
        # Of a file, its clone; of a ZFS volume, where flatsnapd's view shows it, so that nothing has to be made and taken back.
        my $answer = call($scfg, GET => route($scfg, $name, 'snapshots', snapshot_name($snapname)), undef, $SOON);
        ($path) = ($answer->{path} // '') =~ m!\A(/[^\0-\x1f\x7f]+)\z!
            or die "snapshot '$snapname' of '$volname' cannot be read: flatsnapd does not show its snapshots; "
            . "'flatsnap doctor' tells why\n";
    } elsif ($scfg->{'flatsnap-dataset'}) {
        $path = '/dev/zvol/' . place($scfg) . "/$name";
    } else {
        $path = place($scfg) . "/images/$vmid/$name.raw";
    }
    return wantarray ? ($path, $vmid, $vtype) : $path;
}

sub path {
    my ($class, $scfg, $volname, $storeid, $snapname) = @_;
    return $class->filesystem_path($scfg, $volname, $snapname);
}

sub free_name {
    my ($class, $storeid, $scfg, $vmid) = @_;
    my $name = $class->find_free_diskname($storeid, $scfg, $vmid, 'raw', $scfg->{'flatsnap-dataset'} ? 0 : 1);
    return $name =~ s/\.raw\z//r;
}

# A name that a caller asks for, or the next free one, as the daemon has it.
sub wanted_name {
    my ($class, $storeid, $scfg, $vmid, $name) = @_;
    ($vmid) = $vmid =~ /\A([1-9][0-9]{2,8})\z/a or die "'$vmid' is not the id of a guest\n";
    return $class->free_name($storeid, $scfg, $vmid) if !defined($name) || $name eq '';
    my $volname = $scfg->{'flatsnap-dataset'} || $name =~ m!/! ? $name : "$vmid/$name";
    my ($owner) = ($class->parse_volname($volname))[2];
    die "illegal name '$name' - should belong to guest $vmid\n" if $owner ne $vmid;
    return $class->name_of($scfg, $volname);
}

# --- the storage

my $SELDOM = 60;
my %complained;

sub check_connection { return 1; }

sub check_mounted {
    my ($storeid, $scfg) = @_;
    return if !$scfg->{path};
    my $mountpoint = PVE::Storage::DirPlugin::parse_is_mountpoint($scfg) // return;
    die "unable to activate storage '$storeid' - '$mountpoint' is not mounted\n"
        if !PVE::Tools::run_fork_with_timeout(
            $AT_ONCE, sub { PVE::Storage::DirPlugin::path_is_mounted($mountpoint) ? 1 : 0 });
    return;
}

sub activate_storage {
    my ($class, $storeid, $scfg, $cache) = @_;
    my $place = place($scfg);
    check_mounted($storeid, $scfg);
    my $until = Time::HiRes::time() + $AT_ONCE;
    my $socket = $scfg->{'flatsnap-socket'} // $SOCKET;
    # Who does not answer for one storage does not for the next.
    my $error = $cache->{flatsnap_unreachable}->{$socket};
    if (!defined($error)) {
        # Asked first, because each request that changes something is written to the audit log, and this is called all the time.
        return 1 if eval { call($scfg, GET => '/v1/stores?place=' . uri_escape($place), undef, $AT_ONCE / 2) };
        $error = $@;
        if ($error !~ /\A\Q$UNREACHABLE\E/) {
            return 1 if eval { call($scfg, PUT => '/v1/stores', { place => $place }, $AT_ONCE / 2) };
            $error = $@;
        }
        $cache->{flatsnap_unreachable}->{$socket} = $error if $error =~ /\A\Q$UNREACHABLE\E/;
    }
    die "unable to activate storage '$storeid' - $error" if $error !~ $UNUSABLE;
    # Guests have to start without the daemon too.
    my $left = $until - Time::HiRes::time();
    $left = $AT_ONCE / 4 if $left < $AT_ONCE / 4;
    if ($scfg->{'flatsnap-dataset'}) {
        zfs_lines(['zfs', 'list', '-Hp', '-o', 'name', $place], $left);
    } else {
        die "unable to activate storage '$storeid' - directory '$place' does not exist or is unreachable\n"
            if !PVE::Tools::run_fork_with_timeout($left, sub { -d $place ? 1 : 0 });
    }
    # pvestatd comes by every few seconds.
    if (($complained{$storeid} // 0) + $SELDOM <= time()) {
        $complained{$storeid} = time();
        complain("storage '$storeid' works without snapshots for now: $error");
    }
    return 1;
}

sub deactivate_storage { return 1; }

sub zfs_lines {
    my ($command, $seconds) = @_;
    my @lines;
    run_command(
        $command,
        timeout => $seconds,
        errmsg => "ZFS: $command->[-1]",
        outfunc => sub { push @lines, $_[0] },
        errfunc => sub { syslog('err', '%s', "zfs: $_[0]") },
    );
    return @lines;
}

# (total, available, used, active), in bytes; from the file system, so that it never waits for the daemon.
sub status {
    my ($class, $storeid, $scfg, $cache) = @_;
    my $place = place($scfg);
    if ($scfg->{'flatsnap-dataset'}) {
        my ($used, $available) = map { /\A(\d+)\z/ ? $1 : die "ZFS told no size of '$place'\n" }
            zfs_lines(['zfs', 'get', '-Hp', '-o', 'value', 'used,available', $place], $AT_ONCE);
        return ($used + $available, $available, $used, 1);
    }
    return if !eval { check_mounted($storeid, $scfg); 1 };
    my $space = PVE::Tools::df($place, $AT_ONCE);
    return if !$space || !$space->{total};
    return ($space->{total}, $space->{avail}, $space->{used}, 1);
}

sub list_images {
    my ($class, $storeid, $scfg, $vmid, $vollist, $cache) = @_;
    my %wanted = map { $_ => 1 } $vollist ? @$vollist : ();
    my @images;
    for my $found ($scfg->{'flatsnap-dataset'} ? dataset_volumes($scfg) : directory_volumes($scfg, $vollist ? undef : $vmid)) {
        my $volid = "$storeid:$found->{volname}";
        next if $vollist ? !$wanted{$volid} : defined($vmid) && $found->{vmid} ne $vmid;
        push @images, {
            volid => $volid,
            format => 'raw',
            size => $found->{size},
            vmid => $found->{vmid},
            used => $found->{used},
            parent => undef,
            ctime => $found->{ctime},
        };
    }
    return \@images;
}

sub names_in {
    my ($directory) = @_;
    opendir(my $handle, $directory) or do {
        return if $! == ENOENT || $! == ENOTDIR;
        die "cannot list '$directory' - $!\n";
    };
    my @names = sort readdir($handle);
    closedir($handle);
    return @names;
}

sub directory_volumes {
    my ($scfg, $only) = @_;
    my $images = place($scfg) . '/images';
    my @volumes;
    for my $owner (map { /\A([1-9][0-9]{2,8})\z/a ? $1 : () } defined($only) ? $only : names_in($images)) {
        for my $name (names_in("$images/$owner")) {
            my $volname = "$owner/$name";
            next if !eval { __PACKAGE__->parse_volname($volname); 1 };
            # It may have gone since.
            my $stat = File::stat::lstat("$images/$volname") // next;
            next if !POSIX::S_ISREG($stat->mode);
            push @volumes, {
                volname => $volname,
                vmid => $owner,
                size => $stat->size,
                used => $stat->blocks * 512,
                ctime => $stat->ctime,
            };
        }
    }
    return @volumes;
}

sub dataset_volumes {
    my ($scfg, $name) = @_;
    my $place = place($scfg);
    my @volumes;
    my @which = defined($name) ? ("$place/$name") : ('-d', 1, $place);
    for my $line (zfs_lines(['zfs', 'list', '-Hp', '-t', 'volume', '-o', 'name,volsize,used,creation', @which], $SOON)) {
        my ($volname, $size, $used, $made) = $line =~ m!\A\Q$place\E/([^/\t]+)\t(\d+)\t(\d+)\t(\d+)\z! or next;
        my $vmid = eval { (__PACKAGE__->parse_volname($volname))[2] } // next;
        push @volumes, { volname => $volname, vmid => $vmid, size => $size, used => $used, ctime => $made };
    }
    return @volumes;
}

# --- volumes

# zvols have whole blocks; PVE's own plugin for ZFS counts in MiB too.
sub bytes_on {
    my ($scfg, $bytes) = @_;
    my $unit = $scfg->{'flatsnap-dataset'} ? 1 << 20 : 1024;
    return POSIX::ceil($bytes / $unit) * $unit;
}

sub alloc_image {
    my ($class, $storeid, $scfg, $vmid, $fmt, $name, $size) = @_;
    # Wherever there is a path, qemu-server asks for a cloud-init drive in this format, whatever the storage has, and goes by
    # the name of what it gets.
    $fmt = 'raw' if $fmt eq 'qcow2' && defined($name) && $name =~ s/\A(vm-[0-9]+-cloudinit)\.qcow2\z/$1.raw/a;
    die "a container's volume needs a size here: flatsnap keeps raw images, no directories\n" if $fmt eq 'subvol';
    die "unsupported format '$fmt': flatsnap keeps raw images only\n" if $fmt ne 'raw';
    my $wanted = $class->wanted_name($storeid, $scfg, $vmid, $name);
    # Of images that are no whole KiB, PVE has the fraction.
    my ($kib) = $size =~ /\A([0-9]+(?:\.[0-9]+)?)\z/a or die "'$size' is not a size in KiB\n";
    call($scfg, POST => route($scfg), { name => $wanted, bytes => bytes_on($scfg, $kib * 1024) }, $UNDER_LOCK);
    return volname_of($scfg, $wanted);
}

sub free_image {
    my ($class, $storeid, $scfg, $volname, $isBase, $format) = @_;
    call($scfg, DELETE => route($scfg, $class->name_of($scfg, $volname)), undef, $UNDER_LOCK);
    # Nothing is left for a worker to do.
    return;
}

sub clone_image {
    my ($class, $scfg, $storeid, $volname, $vmid, $snap) = @_;
    my $name = $class->name_of($scfg, $volname);
    my $to = $class->wanted_name($storeid, $scfg, $vmid);
    my $body = { to => $to };
    $body->{snapshot} = snapshot_name($snap) if defined($snap) && $snap ne '';
    call($scfg, POST => route($scfg, $name, 'clone'), $body, $UNDER_LOCK);
    return volname_of($scfg, $to);
}

sub create_base {
    my ($class, $storeid, $scfg, $volname) = @_;
    my $isBase = ($class->parse_volname($volname))[5];
    die "create_base not possible with base image\n" if $isBase;
    my $name = $class->name_of($scfg, $volname);
    my $base = $name =~ s/\Avm-/base-/r;
    call($scfg, PATCH => route($scfg, $name), { name => $base }, $UNDER_LOCK);
    my $new = volname_of($scfg, $base);
    if (!$scfg->{'flatsnap-dataset'}) {
        my $path = $class->filesystem_path($scfg, $new);
        chmod(0444, $path) or complain("cannot mark '$path' read-only: $!");
    }
    return $new;
}

sub rename_volume {
    my ($class, $scfg, $storeid, $source, $vmid, $target) = @_;
    my $name = $class->name_of($scfg, $source);
    my $to = $class->wanted_name($storeid, $scfg, $vmid // ($class->parse_volname($source))[2], $target);
    call($scfg, PATCH => route($scfg, $name), { name => $to }, $UNDER_LOCK);
    return "$storeid:" . volname_of($scfg, $to);
}

sub volume_size_info {
    my ($class, $scfg, $storeid, $volname, $timeout) = @_;
    my $name = $class->name_of($scfg, $volname);
    my ($found) =
        $scfg->{'flatsnap-dataset'}
        ? dataset_volumes($scfg, $name)
        : grep { $_->{volname} eq $volname } directory_volumes($scfg, ($class->parse_volname($volname))[2]);
    die "volume '$storeid:$volname' does not exist\n" if !$found;
    return wantarray ? ($found->{size}, 'raw', $found->{used}, undef, $found->{ctime}) : $found->{size};
}

sub volume_resize {
    my ($class, $scfg, $storeid, $volname, $size, $running, $snapname) = @_;
    die "a snapshot cannot be resized\n" if defined($snapname) && $snapname ne '';
    my ($bytes) = $size =~ /\A([0-9]+)\z/a or die "'$size' is not a size in bytes\n";
    call($scfg, PATCH => route($scfg, $class->name_of($scfg, $volname)), { bytes => bytes_on($scfg, $bytes) }, $UNDER_LOCK);
    return 1;
}

sub activate_volume {
    my ($class, $storeid, $scfg, $volname, $snapname, $cache, $hints) = @_;
    my $path = $class->filesystem_path($scfg, $volname, $snapname);
    my $until = Time::HiRes::time() + $SOON;
    # udev takes its time for the devices of new volumes.
    while (!-e $path) {
        die "volume '$storeid:$volname' does not exist\n"
            if !$scfg->{'flatsnap-dataset'} || Time::HiRes::time() > $until;
        Time::HiRes::sleep(0.1);
    }
    return 1;
}

sub deactivate_volume { return 1; }

sub map_volume {
    my ($class, $storeid, $scfg, $volname, $snapname, $hints) = @_;
    my ($path) = $class->path($scfg, $volname, $storeid, $snapname);
    return $path;
}

sub unmap_volume { return 1; }

# --- snapshots

sub volume_snapshot {
    my ($class, $scfg, $storeid, $volname, $snap) = @_;
    my $name = $class->name_of($scfg, $volname);
    my $body = with_guest({ name => snapshot_name($snap) }, ($class->parse_volname($volname))[2], $snap);
    call($scfg, POST => route($scfg, $name, 'snapshots'), $body, $UNDER_LOCK);
    return;
}

# Any snapshot will do, newer ones stay: nothing ever blocks one.
sub volume_rollback_is_possible {
    my ($class, $scfg, $storeid, $volname, $snap, $blockers) = @_;
    my $name = $class->name_of($scfg, $volname);
    eval { call($scfg, GET => route($scfg, $name, 'snapshots', snapshot_name($snap)), undef, $SOON) };
    die "can't roll back '$storeid:$volname' to snapshot '$snap': $@" if $@;
    return 1;
}

sub volume_snapshot_rollback {
    my ($class, $scfg, $storeid, $volname, $snap) = @_;
    my $name = $class->name_of($scfg, $volname);
    my $body = with_guest({}, ($class->parse_volname($volname))[2], $snap);
    call($scfg, POST => route($scfg, $name, 'snapshots', snapshot_name($snap), 'rollback'), $body, $LONG);
    return;
}

sub volume_snapshot_delete {
    my ($class, $scfg, $storeid, $volname, $snap, $running) = @_;
    my $name = $class->name_of($scfg, $volname);
    call($scfg, DELETE => route($scfg, $name, 'snapshots', snapshot_name($snap)), undef, $LONG);
    return;
}

sub volume_snapshot_info {
    my ($class, $scfg, $storeid, $volname) = @_;
    my $name = $class->name_of($scfg, $volname);
    my $snapshots = field(call($scfg, GET => route($scfg, $name, 'snapshots'), undef, $SOON), 'snapshots');
    my %info;
    for my $snapshot (@$snapshots) {
        # PVE has no such names: they are the daemon's own.
        my $known = eval { snapshot_name(field($snapshot, 'name')) } // next;
        $info{$known} = {
            id => field($snapshot, 'id'),
            timestamp => seconds(field($snapshot, 'takenAt')),
            'virtual-size' => 0 + field($snapshot, 'bytes'),
        };
    }
    return \%info;
}

# Of an instant as RFC 3339 writes it, in UTC.
sub seconds {
    my ($instant) = @_;
    my ($year, $month, $day, $hour, $minute, $second) =
        $instant =~ /\A(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z\z/a
        or die "'$instant' is not an instant\n";
    require Time::Local;
    return Time::Local::timegm($second, $minute, $hour, $day, $month - 1, $year);
}

sub volume_snapshot_needs_fsfreeze { return 1; }

sub volume_qemu_snapshot_method { return 'storage'; }

sub rename_snapshot { die "flatsnap does not rename snapshots\n"; }

sub storage_can_replicate { return 0; }

my $FEATURES = {
    snapshot => { current => 1, snap => 1 },
    clone => { base => 1, current => 1, snap => 1 },
    copy => { base => 1, current => 1, snap => 1 },
    template => { current => 1 },
    sparseinit => { base => 1, current => 1 },
    rename => { current => 1 },
};

sub volume_has_feature {
    my ($class, $scfg, $feature, $storeid, $volname, $snapname, $running, $opts) = @_;
    my $isBase = ($class->parse_volname($volname))[5];
    my $formats = $opts->{valid_target_formats};
    return 0 if $feature eq 'clone' && $formats && !grep { $_ eq 'raw' } @$formats;
    my $key = $snapname ? 'snap' : $isBase ? 'base' : 'current';
    return $FEATURES->{$feature}->{$key} ? 1 : undef;
}

# --- export and import: the size in bytes as 64 bits, little-endian, and the image

sub volume_export_formats {
    my ($class, $scfg, $storeid, $volname, $snapshot, $base_snapshot, $with_snapshots) = @_;
    return $base_snapshot || $with_snapshots ? () : ('raw+size');
}

sub volume_export {
    my ($class, $scfg, $storeid, $fh, $volname, $format, $snapshot, $base_snapshot, $with_snapshots) = @_;
    die "volume export format $format not available for flatsnap\n"
        if !grep { $_ eq $format }
        $class->volume_export_formats($scfg, $storeid, $volname, $snapshot, $base_snapshot, $with_snapshots);
    my ($path) = $class->path($scfg, $volname, $storeid, $snapshot);
    # Where it ends is its size for a file and for a device alike.
    open(my $image, '<', $path) or die "cannot read '$path' - $!\n";
    my $size = sysseek($image, 0, 2) // die "cannot read '$path' - $!\n";
    close($image);
    PVE::Storage::Plugin::write_common_header($fh, 0 + $size);
    run_command(
        ['dd', "if=$path", 'bs=1M', 'status=progress'],
        output => '>&' . fileno($fh),
        errfunc => sub { print STDERR "$_[0]\n" },
    );
    return;
}

sub volume_import_formats {
    my ($class, $scfg, $storeid, $volname, $snapshot, $base_snapshot, $with_snapshots) = @_;
    return $base_snapshot || $with_snapshots ? () : ('raw+size');
}

sub volume_import {
    my ($class, $scfg, $storeid, $fh, $volname, $format, $snapshot, $base_snapshot, $with_snapshots, $allow_rename) = @_;
    die "volume import format $format not available for flatsnap\n"
        if !grep { $_ eq $format }
        $class->volume_import_formats($scfg, $storeid, $volname, $snapshot, $base_snapshot, $with_snapshots);
    my (undef, $wanted, $vmid) = $class->parse_volname($volname);
    $class->name_of($scfg, $volname);
    my ($path) = $class->path($scfg, $volname, $storeid);
    if (-e $path) {
        die "volume '$storeid:$volname' already exists\n" if !$allow_rename;
        complain("volume '$storeid:$volname' already exists - importing with a different name");
        $wanted = undef;
    }
    my ($bytes) = PVE::Storage::Plugin::read_common_header($fh);
    my $new = $class->alloc_image($storeid, $scfg, $vmid, 'raw', $wanted, POSIX::ceil($bytes / 1024));
    eval {
        $class->activate_volume($storeid, $scfg, $new);
        my ($to) = $class->path($scfg, $new, $storeid);
        # It is made of zeroes already and keeps its size.
        run_command(['dd', "of=$to", 'bs=1M', 'iflag=fullblock', 'conv=sparse,notrunc,fsync'], input => '<&' . fileno($fh));
    };
    if (my $error = $@) {
        eval { $class->free_image($storeid, $scfg, $new, 0, 'raw') };
        complain("'$storeid:$new' is left of an import that failed: $@") if $@;
        die $error;
    }
    return "$storeid:$new";
}

# For flatsnap's part of Proxmox VE's API: what flatsnapd answers, as a structure. Dies with one line that has cause and remedy.
sub request {
    my ($class, $scfg, $method, $path, $body, $seconds) = @_;
    return call($scfg, $method, $path, $body, $seconds // $SOON);
}

# Nobody else would load it. Without it guests have their disks all the same.
eval { require PVE::API2::Flatsnap; 1 } or complain("flatsnap's part of the API cannot be used: $@");

1;
