package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/** New files made from a snapshot on one store. Closing removes them again, unless {@link #keep} was called. */
public interface CloneOut extends AutoCloseable {
    /** Where the NVRAM of a new VM goes, beside that of the one it is made from. */
    static Path companion(Path beside, VmName name, VmId vm) {
        return beside.resolveSibling(name + companionSuffix(vm));
    }

    private static String companionSuffix(VmId vm) {
        return "-" + vm.shortForm() + "_VARS.fd";
    }

    /** Whether it is named as the NVRAM that is made for this VM. */
    static boolean isCompanion(Path file, VmId vm) {
        return file.toString().endsWith(companionSuffix(vm));
    }

    /**
     * Removes that of a VM that was never defined. Absent is fine.
     *
     * @throws FileSystemException if the file has another name: what tells of it lies where others may have written it
     */
    static void removeCompanion(Path file, VmId vm) throws IOException {
        if (!isCompanion(file, vm)) {
            throw new FileSystemException(file.toString(), null, "this is not the NVRAM of VM " + vm + "; it stays");
        }
        Files.deleteIfExists(file);
    }

    /** The new VM is defined: the files are its own. */
    void keep();

    /** It cannot be told whether the new VM was defined: recovery will ask. */
    void leaveToRecovery();

    @Override
    void close();
}
