package io.samepage.overlay;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class LookAheadTest {
  private static final int FIND = 7;
  private static final int OTHER = FIND + 256; // in the same place of the table
  private static final int MANY = 1000;

  private final LookAhead lookAhead = new LookAhead();

  @Test
  void whoIsNotKnownGetsLookUpsWithTheFirstPart() {
    assertThat(lookAhead.isWanted(FIND, 1, true)).isTrue();
    assertThat(lookAhead.isWanted(FIND, 1, false)).isFalse();
  }

  @Test
  void whoLooksBetweenTwoPartsGetsLookUpsWithTheSecond() {
    lookAhead.isWanted(FIND, 1, true);
    lookAhead.lookedUp(FIND, 1);
    assertThat(lookAhead.isWanted(FIND, 1, false)).isTrue();
  }

  @Test
  void whoLooksAfterTheWholeListingGetsLookUpsWithTheNextOne() {
    lookAhead.isWanted(FIND, 1, true);
    lookAhead.isWanted(FIND, 1, false);
    lookAhead.lookedUp(FIND, 1);
    assertThat(lookAhead.isWanted(FIND, 2, true)).isTrue();
    assertThat(lookAhead.isWanted(FIND, 2, false)).isTrue();
  }

  @Test
  void whoOnlyListsGetsNoneWithTheNextListing() {
    lookAhead.isWanted(FIND, 1, true);
    assertThat(lookAhead.isSample(FIND, MANY)).isTrue();
    assertThat(lookAhead.isWanted(FIND, 2, true)).isFalse();
    assertThat(lookAhead.isWanted(FIND, 3, true)).isFalse();
    lookAhead.lookedUp(FIND, 3);
    assertThat(lookAhead.isWanted(FIND, 4, true)).isTrue();
  }

  @Test
  void whoBeginsAnewIsNotJudgedByThat() {
    lookAhead.isWanted(FIND, 1, true);
    lookAhead.lookedUp(FIND, 1);
    lookAhead.isWanted(FIND, 2, true);
    assertThat(lookAhead.isSample(FIND, MANY)).isTrue();
    assertThat(lookAhead.isWanted(FIND, 2, true)).isTrue();
    assertThat(lookAhead.isWanted(FIND, 2, false)).isTrue();
  }

  @Test
  void withoutASampleNothingIsLearnt() {
    lookAhead.isWanted(FIND, 1, true);
    assertThat(lookAhead.isSample(FIND, 3)).isFalse();
    assertThat(lookAhead.isWanted(FIND, 2, true)).isTrue();
  }

  @Test
  void lookUpsElsewhereAndOfOthersDoNotCount() {
    lookAhead.isWanted(FIND, 1, true);
    lookAhead.lookedUp(FIND, 2);
    lookAhead.lookedUp(OTHER, 1);
    assertThat(lookAhead.isWanted(FIND, 1, false)).isFalse();
  }

  @Test
  void anotherThreadInTheSamePlaceIsNotKnown() {
    lookAhead.isWanted(FIND, 1, true);
    lookAhead.isSample(FIND, MANY);
    lookAhead.isWanted(FIND, 2, true);
    assertThat(lookAhead.isWanted(OTHER, 2, true)).isTrue();
  }
}
