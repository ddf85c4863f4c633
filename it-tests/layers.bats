#!/usr/bin/env bats
# Which layer a name comes from.

load lib/harness

fixture() {
    file "$L2/bottom" "from the bottom"
    file "$L2/both" "bottom of both"
    file "$L/both" "top of both"
    file "$L/top" "from the top"
    file "$L2/d/x" x2
    file "$L2/d/same" same2
    file "$L/d/y" y1
    file "$L/d/same" same1
    file "$U/d/z" zu
    file "$U/d/same" sameu
}

setup_file() {
    share_overlay
}

@test "a name in several layers comes from the topmost" {
    content both "top of both"
    content d/same sameu
}

@test "a name that is in one layer only is found there" {
    content bottom "from the bottom"
    content top "from the top"
}

@test "directories of all layers are merged and each name is listed once" {
    names . both bottom d top
    names d same x y z
    sys checkdents . , checkdents d
}
