package PVE::SafeSyslog;

# Stands in for Proxmox VE's module of this name; keeps what is logged.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(syslog);
our @logged;

sub syslog {
    my ($level, $format, @values) = @_;
    push @logged, "$level: " . sprintf($format, @values);
    return;
}

1;
