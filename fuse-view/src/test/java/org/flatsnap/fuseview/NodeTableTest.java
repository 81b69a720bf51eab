package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.FileSystemException;
import org.junit.jupiter.api.Test;

final class NodeTableTest {

    private final MemoryDirectory root = new MemoryDirectory();
    private final NodeTable nodes = new NodeTable(root, 7);

    @Test
    void rootIsAlwaysKnown() throws FileSystemException {
        nodes.forget(NodeTable.ROOT_ID, 1);
        assertThat(nodes.get(NodeTable.ROOT_ID).node()).isSameAs(root);
        assertThat(nodes.get(NodeTable.ROOT_ID).path()).isEqualTo("/");
    }

    @Test
    void nodeLeavesWhenForgottenAsOftenAsReferred() throws FileSystemException {
        KnownNode first = refer("a", new MemoryFile("1"), 8);
        KnownNode second = refer("a", new MemoryFile("1"), 8);
        assertThat(second.id()).isEqualTo(first.id());

        nodes.forget(first.id(), 1);
        assertThat(nodes.get(first.id()).path()).isEqualTo("/a");
        nodes.forget(first.id(), 1);

        assertThatThrownBy(() -> nodes.get(first.id())).isInstanceOf(FileSystemException.class);
        assertThat(nodes.size()).isZero();
    }

    @Test
    void idsNeverComeBack() throws FileSystemException {
        KnownNode first = refer("a", new MemoryFile("1"), 8);
        nodes.forget(first.id(), 1);

        assertThat(refer("a", new MemoryFile("1"), 8).id()).isNotEqualTo(first.id());
    }

    @Test
    void otherKindUnderTheSameNumberIsAnotherNode() throws FileSystemException {
        KnownNode file = refer("a", new MemoryFile("1"), 8);
        KnownNode directory = refer("a", new MemoryDirectory(), 8);
        assertThat(directory.id()).isNotEqualTo(file.id());

        nodes.forget(file.id(), 1);

        assertThat(refer("a", new MemoryDirectory(), 8).id()).isEqualTo(directory.id());
    }

    @Test
    void nothingElseHasTheNumberOfTheRoot() {
        assertThatThrownBy(() -> refer("a", new MemoryDirectory(), 7))
                .isInstanceOf(FileSystemException.class)
                .hasMessageContaining("number of the root");
    }

    private KnownNode refer(String name, Node node, long inode) throws FileSystemException {
        return nodes.refer(nodes.get(NodeTable.ROOT_ID), name, node, inode);
    }
}
