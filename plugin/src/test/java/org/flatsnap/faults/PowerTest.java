package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.flatsnap.faults.PowerLoss.Figures;
import org.flatsnap.faults.PowerLoss.Inside;
import org.junit.jupiter.api.Test;

/** What was acknowledged survives a loss of power at any step, and nothing else is left. */
class PowerTest {
    @Test
    void onXfs() throws IOException {
        Figures figures = PowerLoss.suffer(Inside.XFS, PowerLoss.extent());
        assertThat(figures.violations()).isEmpty();
        assertThat(figures.mounted()).isGreaterThan(20);
    }
}
