package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** That no step is forgotten. */
class SitesTest {
    @Test
    void ofEveryCallThatLeadsOutSomebodyHasSaidWhatItDoes() {
        assertThat(Sites.scan().unknown()).isEmpty();
    }

    @Test
    void theStepsOfATakeAreAmongThem() {
        assertThat(Sites.scan().all())
                .filteredOn(Site::crashPoint)
                .extracting(Site::name)
                .contains("store/ReflinkCapture.cloneDisk > Reflink.cloneFile #1")
                .hasSizeGreaterThan(100);
    }
}
