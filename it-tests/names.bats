#!/usr/bin/env bats
# File names are bytes, up to 255 of them; paths may be longer than PATH_MAX.

load lib/harness

LONG=$(printf %0255d 0)
ODD=$'\xff\xfe\x80 caf\xe9'

fixture() {
    file "$L/$LONG" "long name"
    file "$L/$ODD" "odd name"
    mkdir "$L/dir $ODD"
    file "$L2/dir $ODD/$ODD" "odder"
    file "$L/new"$'\n'"line" newline
    file "$L/-rf" dash
    file "$L/ leading and trailing " spaces
    file "$L/back\\slash" backslash
    file "$L/Case" upper
    file "$L/case" lower
    # composed and decomposed, which are different names
    file "$L/"$'\xc3\xa9' composed
    file "$L/"$'e\xcc\x81' decomposed
}

setup_file() {
    share_overlay
}

@test "255 bytes are a name, 256 are not" {
    content "$LONG" "long name"
    echo changed >"$LONG"
    content "$LONG" $'changed\n'
    mv "$LONG" "${LONG//0/1}"
    content "${LONG//0/1}" $'changed\n'
    rm "${LONG//0/1}"
    absent "$LONG" "${LONG//0/1}"
    fails ENAMETOOLONG open f "${LONG}0" wronly+creat
    fails ENAMETOOLONG mkdir "${LONG}0"
    fails ENAMETOOLONG lstat "${LONG}0" ino
    fails ENAMETOOLONG rename Case "${LONG}0"
    fails ENAMETOOLONG symlink x "${LONG}0"
    fails ENAMETOOLONG link Case "${LONG}0"
}

@test "a name of 255 bytes of every kind of object" {
    rm "$LONG"
    mkdir "$LONG"
    touch "$LONG/$LONG"
    mv "$LONG" "${LONG//0/2}"
    names "${LONG//0/2}" "$LONG"
    rm -r "${LONG//0/2}"
    ln -s target "$LONG"
    rm "$LONG"
    mkfifo "$LONG"
    rm "$LONG"
    sys open t . tmpfile+rdwr , linkfd t "$LONG"
    present "$LONG"
}

@test "names that are not UTF-8" {
    content "$ODD" "odd name"
    content "dir $ODD/$ODD" odder
    echo changed >"$ODD"
    content "$U/$ODD" $'changed\n'
    mv "dir $ODD" "moved $ODD"
    content "moved $ODD/$ODD" odder
    rm "moved $ODD/$ODD"
    names "moved $ODD"
    remount_overlay
    content "$ODD" $'changed\n'
    names "moved $ODD"
    absent "dir $ODD"
}

@test "every byte but / and NUL is allowed in a name" {
    mkdir d
    for byte in {1..255}; do
        name=$(printf %b "\\0$(printf %o "$byte")x")
        [[ $byte == 47 || $byte == 10 ]] || touch "d/a$name"
    done
    equal "$(sys count d)" 253
    sys checkdents d
    rm -r d
    absent d
}

@test "names that shells and programs stumble over" {
    content $'new\nline' newline
    content ./-rf dash
    content " leading and trailing " spaces
    content 'back\slash' backslash
    for name in $'new\nline' -rf " leading and trailing " 'back\slash'; do
        rm -- "./$name"
        absent "./$name"
        mkdir -- "./$name"
        rmdir -- "./$name"
    done
}

@test "upper and lower case are different, and so are composed and decomposed" {
    content Case upper
    content case lower
    content $'\xc3\xa9' composed
    content $'e\xcc\x81' decomposed
    rm Case
    content case lower
    fails ENOENT lstat CASE ino
}

@test "names that look like the overlay's own" {
    for name in work index '#1' '#1a2b' .wh .fuse_hidden0001 upper lower ...; do
        echo "$name" >"$name"
        mkdir "d$name"
        content "$name" "$name"$'\n'
    done
    remount_overlay
    content '#1' $'#1\n'
    content .fuse_hidden0001 $'.fuse_hidden0001\n'
    content ... $'...\n'
}

@test "a path longer than PATH_MAX is walked in steps" {
    component=$(printf %0200d 0)
    sys descend 40 "$component" , touch bottom , is bottom ls . , open f bottom rdwr , write f text \
        , rename bottom renamed , is text sh "cat renamed" , unlink renamed , unnest 40 "$component"
    absent "$component"
}

@test "a path longer than PATH_MAX in a lower layer" {
    own_stack
    component=$(printf %0200d 0)
    (sys chdir "$L" , descend 30 "$component" , open f bottom wronly+creat , write f text , mkdir lowest)
    mount_overlay
    (sys chdir "$M" , descend 30 "$component" walk , is text sh "cat bottom" , is "bottom lowest" ls . \
        , open w bottom rdwr , pwrite w 0 T , is Text sh "cat bottom" , rename lowest moved , touch moved/new , is new ls moved)
    (sys chdir "$U" , descend 30 "$component" walk , is Text sh "cat bottom")
    remount_overlay
    (sys chdir "$M" , descend 30 "$component" walk , is Text sh "cat bottom" , is new ls moved)
    rm -r "${M:?}/$component"
    names "$M"
}

@test "a hundred levels are made and removed" {
    sys descend 100 d
    equal "$(find . -type d -name d | wc -l)" 100
    mv d e
    equal "$(find e -type d | wc -l)" 100
    rm -r e
    absent e
}

@test "a lower tree of fifty levels is removed" {
    own_stack
    (sys chdir "$L" , descend 50 d , touch f)
    mount_overlay
    rm -r "$M/d"
    names "$M"
    is_whiteout "$U/d"
}
