package PVE::Tools;

# Stands in for Proxmox VE's module of this name: what flatsnap's Perl uses of it, also in what it refuses.

use strict;
use warnings;

use POSIX ();
use Scalar::Util qw(tainted);
use Time::HiRes qw(alarm);
use Exporter 'import';

our @EXPORT_OK = qw(run_command file_get_contents);

sub run_with_timeout {
    my ($timeout, $code, @param) = @_;
    my $outer = alarm 0;
    my $result = eval {
        local $SIG{ALRM} = sub { die "got timeout\n" };
        local $SIG{PIPE} = sub { die "broken pipe\n" };
        alarm $timeout;
        my $value = eval { $code->(@param) };
        my $error = $@;
        alarm 0;
        die $error if $error;
        $value;
    };
    my $error = $@;
    alarm $outer;
    die $error if $error;
    return $result;
}

sub run_fork_with_timeout {
    my ($timeout, $code) = @_;
    return run_with_timeout($timeout, $code);
}

sub df {
    my ($path, $timeout) = @_;
    my ($line) = (split /\n/, capture('df', '-B1', '--output=size,avail,used', $path))[1];
    my ($total, $available, $used) = ($line // '') =~ /(\d+)\s+(\d+)\s+(\d+)/ or return { total => 0, avail => 0, used => 0 };
    return { total => $total, avail => $available, used => $used };
}

sub capture {
    my (@command) = @_;
    open(my $pipe, '-|', @command) or die "cannot run $command[0]: $!\n";
    local $/ = undef;
    return <$pipe> // '';
}

sub run_command {
    my ($command, %options) = @_;
    tainted($_) and die "Insecure dependency in run_command: '$_'\n" for @$command;
    pipe(my $read, my $write) or die;
    my $child = fork() // die "fork failed: $!\n";
    if (!$child) {
        POSIX::dup2($1, 0) if ($options{input} // '') =~ /^<&(\d+)$/;
        POSIX::dup2($1, 1) if ($options{output} // '') =~ /^>&(\d+)$/;
        POSIX::dup2(fileno($write), 1) if $options{outfunc};
        open(STDERR, '>', '/dev/null');
        exec { $command->[0] } @$command or POSIX::_exit(127);
    }
    close($write);
    while (my $line = <$read>) {
        chomp $line;
        $options{outfunc}->($line) if $options{outfunc};
    }
    waitpid($child, 0);
    die(($options{errmsg} // "command '@$command' failed") . ": exit code " . ($? >> 8) . "\n") if $?;
    return 0;
}

sub file_get_contents {
    my ($file) = @_;
    open(my $handle, '<', $file) or die "can't open '$file' - $!\n";
    local $/ = undef;
    return <$handle>;
}

1;
