# What stands for Proxmox VE's cluster file system: one JSON file beside the programs, changed under a lock.
package Cluster;

use strict;
use warnings;
use Cwd qw(abs_path);
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use JSON::PP;

my $directory = dirname(abs_path($0));
my $json = JSON::PP->new->utf8->canonical->pretty;

sub read_state {
    open(my $in, '<', "$directory/cluster.json") or die "cluster.json: $!\n";
    local $/;
    return $json->decode(<$in>);
}

# Gives what the code returns; what it throws leaves the file as it was.
sub change {
    my ($code) = @_;
    open(my $lock, '>', "$directory/cluster.lock") or die "cluster.lock: $!\n";
    flock($lock, LOCK_EX) or die "cluster.lock: $!\n";
    my $state = read_state();
    my $result = $code->($state);
    open(my $out, '>', "$directory/cluster.json.new") or die "cluster.json.new: $!\n";
    print $out $json->encode($state);
    close($out) or die "cluster.json.new: $!\n";
    rename("$directory/cluster.json.new", "$directory/cluster.json") or die "cluster.json: $!\n";
    return $result;
}

1;
