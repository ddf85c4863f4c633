# shellcheck shell=bash
#
# What layers are made of.

make_parent() { # PATH
    [[ $1 != */* || -d ${1%/*} ]] || mkdir -p "${1%/*}"
}

# file PATH [CONTENT [MODE]]
file() {
    make_parent "$1"
    printf %s "${2-}" >"$1"
    [[ -z ${3:-} ]] || chmod "$3" "$1"
}

whiteout() { # PATH...
    local path
    for path; do
        make_parent "$path"
        mknod "$path" c 0 0
    done
}

# The form that needs no device node: an empty file with an xattr, in a directory
# that says that it holds some.
xattr_whiteout() { # PATH
    make_parent "$1"
    : >"$1"
    setfattr -n trusted.overlay.whiteout -v y "$1"
    setfattr -n trusted.overlay.opaque -v x "${1%/*}"
}

opaque() { # DIRECTORY
    mkdir -p "$1"
    setfattr -n trusted.overlay.opaque -v y "$1"
}

# loop_fs DIRECTORY SIZE TYPE [MKFS OPTIONS]
#
# A file system of its own in a sparse file.
loop_fs() {
    local directory=$1 size=$2 type=$3
    shift 3
    mkdir -p "$directory"
    truncate -s "$size" "$directory.img"
    case $type in
    ext4) mkfs.ext4 -q -F "$@" "$directory.img" ;;
    *) "mkfs.$type" -q "$@" "$directory.img" ;;
    esac >"$directory.mkfs" 2>&1 || cat "$directory.mkfs"
    mount -o loop "$directory.img" "$directory"
}

# umount detaches a loop device by itself; what a killed mount left is detached here.
release_loops() { # DIRECTORY
    local device file
    is_ours "$1" || return
    compgen -G "$1/*.img" >/dev/null || compgen -G "$1/*/*.img" >/dev/null || return 0
    while read -r device file; do
        [[ $file == "$1"/* ]] && losetup -d "$device"
    done < <(losetup -n -l -O NAME,BACK-FILE 2>/dev/null)
    return 0
}

tmp_fs() { # DIRECTORY [OPTIONS]
    mkdir -p "$1"
    mount -t tmpfs -o "size=64m${2:+,$2}" samepage-it "$1"
}

needs_fs() { # TYPE
    grep -qw "$1" /proc/filesystems || skip "this kernel has no $1"
    [[ $1 == tmpfs ]] || command -v "mkfs.$1" >/dev/null || skip "mkfs.$1 is not installed"
}

needs_program() { # NAME
    command -v "$1" >/dev/null || skip "$1 is not installed"
}
