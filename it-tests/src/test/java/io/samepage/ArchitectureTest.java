package io.samepage;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/**
 * Which package may use which. No rule allows an empty selection: a package that is renamed or goes
 * away takes its rule with it, or fails here.
 */
@AnalyzeClasses(packages = "io.samepage", importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {
  private static final String OURS = "io.samepage..";
  private static final String POSIX = "io.samepage.posix..";
  private static final String FUSE = "io.samepage.fuse..";

  /** What a file system implements, without the packages below it. */
  private static final String FUSE_SEAM = "io.samepage.fuse";

  private static final String FUSE_WIRE = "io.samepage.fuse.wire..";
  private static final String FUSE_WORKERS = "io.samepage.fuse.workers..";
  private static final String FUSE_KERNEL = "io.samepage.fuse.kernel..";
  private static final String FUSE_LIBFUSE = "io.samepage.fuse.libfuse..";
  private static final String DEDUP = "io.samepage.dedup..";
  private static final String OVERLAY = "io.samepage.overlay..";
  private static final String DAEMON = "io.samepage.daemon..";

  @ArchTest static final ArchRule posixUsesNothingOfOurs = usesOnly(POSIX);

  @ArchTest static final ArchRule fuseUsesPosixOnly = usesOnly(FUSE, POSIX);

  @ArchTest static final ArchRule wireUsesTheSeamAndPosix = usesOnly(FUSE_WIRE, FUSE_SEAM, POSIX);

  @ArchTest
  static final ArchRule workersUseTheWireAndPosix = usesOnly(FUSE_WORKERS, FUSE_WIRE, POSIX);

  @ArchTest
  static final ArchRule kernelTransportStandsOnWireAndWorkers =
      usesOnly(FUSE_KERNEL, FUSE_SEAM, FUSE_WIRE, FUSE_WORKERS, POSIX);

  @ArchTest
  static final ArchRule libfuseTransportStandsOnWireAndWorkers =
      usesOnly(FUSE_LIBFUSE, FUSE_SEAM, FUSE_WIRE, FUSE_WORKERS, POSIX);

  @ArchTest
  static final ArchRule wireAndWorkersAreForTransports =
      noClasses()
          .that()
          .resideOutsideOfPackages(FUSE_WIRE, FUSE_WORKERS, FUSE_KERNEL, FUSE_LIBFUSE)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(FUSE_WIRE, FUSE_WORKERS);

  @ArchTest static final ArchRule dedupUsesPosixOnly = usesOnly(DEDUP, POSIX);

  @ArchTest
  static final ArchRule overlayUsesDedupFuseAndPosix = usesOnly(OVERLAY, DEDUP, FUSE, POSIX);

  @ArchTest
  static final ArchRule overlayKnowsNoTransport =
      noClasses()
          .that()
          .resideInAPackage(OVERLAY)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(FUSE_KERNEL, FUSE_LIBFUSE);

  @ArchTest
  static final ArchRule everyPackageIsOneOfTheModules =
      classes().should().resideInAnyPackage(POSIX, FUSE, DEDUP, OVERLAY, DAEMON);

  @ArchTest
  static final ArchRule packagesHaveNoCycles =
      slices().matching("io.samepage.(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule nativeCodeIsReachedFromPosixAndLibfuseOnly =
      noClasses()
          .that()
          .resideOutsideOfPackages(POSIX, FUSE_LIBFUSE)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("jnr..", "com.kenai.jffi..");

  @ArchTest
  static final ArchRule namesAreNounsOfTheField =
      noClasses()
          .should()
          .haveSimpleNameEndingWith("Util")
          .orShould()
          .haveSimpleNameEndingWith("Utils")
          .orShould()
          .haveSimpleNameEndingWith("Helper")
          .orShould()
          .haveSimpleNameEndingWith("Manager")
          .orShould()
          .haveSimpleNameEndingWith("Impl");

  private static ArchRule usesOnly(String subject, String... others) {
    return classes()
        .that()
        .resideInAPackage(subject)
        .should()
        .onlyDependOnClassesThat(
            resideOutsideOfPackage(OURS)
                .or(resideInAnyPackage(subject))
                .or(resideInAnyPackage(others)));
  }
}
