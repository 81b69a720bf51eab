package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.flatsnap.faults.PowerLoss.Figures;
import org.flatsnap.faults.PowerLoss.Inside;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What was acknowledged survives a loss of power at any step, and nothing else is left. */
class PowerTest {
    @ParameterizedTest
    @MethodSource("insides")
    void atEveryStep(Inside inside) throws IOException {
        Figures figures = PowerLoss.suffer(inside, PowerLoss.extent());
        assertThat(figures.violations()).isEmpty();
        assertThat(figures.mounted()).isGreaterThan(20);
        assertThat(figures.acknowledged()).isPositive();
    }

    static List<Inside> insides() {
        return switch (PowerLoss.extent()) {
            case SHORT -> List.of(Inside.XFS);
            case FULL -> List.of(Inside.values());
        };
    }
}
