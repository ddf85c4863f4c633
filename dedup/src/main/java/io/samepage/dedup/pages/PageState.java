package io.samepage.dedup.pages;

/** What a page of a mapping uses. */
public enum PageState {
  /** The lower file itself, at {@link PageExtent#source}. */
  OWN(0),
  /** A stable file in its place: {@link PageExtent#file}, at {@link PageExtent#source}. */
  SHARED(1),
  /** The writable copy, at {@link PageExtent#source}: it has been broken. */
  PRIVATE(2),
  /** Nothing: it reads as zeros. */
  HOLE(3);

  private static final PageState[] BY_CODE = {OWN, SHARED, PRIVATE, HOLE};

  /** In two bits, as {@link ExtentMap} keeps it. */
  final int code;

  PageState(int code) {
    this.code = code;
  }

  static PageState of(int code) {
    return BY_CODE[code];
  }
}
