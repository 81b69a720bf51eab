package org.flatsnap.manager;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/**
 * A libvirt domain definition ("Domain XML format" in libvirt's documentation). Document types and external entities are
 * refused. For one thread.
 */
final class DomainXml {
    private static final String AGENT_CHANNEL = "org.qemu.guest_agent.0";
    private static final String MAX_DEPTH = "200";

    private final Document document;

    private DomainXml(Document document) {
        this.document = document;
    }

    static DomainXml parse(String xml) {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newDefaultInstance();
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            factory.setXIncludeAware(false);
            factory.setExpandEntityReferences(false);
            // What walks the tree later does so by recursion.
            factory.setAttribute("jdk.xml.maxElementDepth", MAX_DEPTH);
            var builder = factory.newDocumentBuilder();
            // The parser's own handler prints to standard error.
            builder.setErrorHandler(null);
            return new DomainXml(builder.parse(new InputSource(new StringReader(xml))));
        } catch (SAXException | IOException | ParserConfigurationException e) {
            throw new Problem(
                    Problem.Code.INTERNAL,
                    "cannot read a VM's definition",
                    String.valueOf(e.getMessage()),
                    "Check it with 'virsh dumpxml' and virt-xml-validate",
                    e);
        }
    }

    @Override
    public String toString() {
        try {
            Transformer transformer = TransformerFactory.newDefaultInstance().newTransformer();
            transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
            StringWriter text = new StringWriter();
            transformer.transform(new DOMSource(document), new StreamResult(text));
            return text.toString();
        } catch (TransformerException e) {
            throw new IllegalStateException("a parsed document can be written", e);
        }
    }

    List<Disk> disks() {
        return diskElements().map(DomainXml::disk).toList();
    }

    private Stream<Element> diskElements() {
        return child(root(), "devices").stream().flatMap(devices -> children(devices, "disk"));
    }

    /**
     * Makes the disks of this definition, from which the domain would be started next time, those that it runs with: after a
     * hot-plug, a block copy or a change of medium for this run alone they differ. Disks that only this one has stay.
     *
     * @return whether anything had to be changed
     */
    boolean adoptDisks(DomainXml live) {
        List<Element> differing = live.diskElements()
                .filter(element -> diskElements().map(DomainXml::disk).noneMatch(disk(element)::equals))
                .toList();
        differing.forEach(this::adopt);
        return !differing.isEmpty();
    }

    private void adopt(Element element) {
        Element devices = child(root(), "devices").orElseGet(() -> append(root(), "devices"));
        Element disk = (Element) document.importNode(element, true);
        // What is true of this run alone. Where the guest finds the disk may be taken in this definition: libvirt finds
        // a place.
        for (String name : List.of("alias", "backingStore", "mirror", "address", "boot")) {
            child(disk, name).ifPresent(disk::removeChild);
        }
        child(disk, "source").ifPresent(source -> source.removeAttribute("index"));
        Optional<Element> replaced = children(devices, "disk")
                .filter(present -> name(present).equals(name(element)))
                .findFirst();
        if (replaced.isPresent()) {
            for (String name : List.of("address", "boot")) {
                child(replaced.get(), name).ifPresent(disk::appendChild);
            }
            devices.replaceChild(disk, replaced.get());
        } else {
            devices.appendChild(disk);
        }
    }

    static Disk disk(Element element) {
        Optional<Element> source = child(element, "source");
        String type = element.getAttribute("type");
        Disk.Kind kind =
                switch (type) {
                    case "file" -> Disk.Kind.FILE;
                    case "block" -> Disk.Kind.BLOCK;
                    default -> Disk.Kind.OTHER;
                };
        String where =
                switch (kind) {
                    case FILE -> source.map(e -> e.getAttribute("file")).orElse("");
                    case BLOCK -> source.map(e -> e.getAttribute("dev")).orElse("");
                    case OTHER -> source.map(e -> other(type, e)).orElse("");
                };
        String format = child(element, "driver")
                .map(driver -> driver.getAttribute("type"))
                .filter(named -> !named.isEmpty())
                // libvirt's default when probing is off.
                .orElse("raw");
        String device = element.getAttribute("device");
        return new Disk(
                name(element),
                kind,
                where,
                format,
                device.equals("cdrom") || device.equals("floppy"),
                child(element, "readonly").isPresent());
    }

    private static String other(String type, Element source) {
        return switch (type) {
            case "volume" -> "volume:" + source.getAttribute("pool") + "/" + source.getAttribute("volume");
            case "dir" -> "dir:" + source.getAttribute("dir");
            default -> type + ":" + source.getAttribute("name");
        };
    }

    private static DiskName name(Element disk) {
        return new DiskName(
                child(disk, "target").map(e -> e.getAttribute("dev")).orElse(""));
    }

    Vm.Agent agent() {
        return child(root(), "devices").stream()
                .flatMap(devices -> children(devices, "channel"))
                .flatMap(channel -> children(channel, "target"))
                .filter(target -> target.getAttribute("name").equals(AGENT_CHANNEL))
                .map(target ->
                        target.getAttribute("state").equals("connected") ? Vm.Agent.CONNECTED : Vm.Agent.DISCONNECTED)
                .findFirst()
                .orElse(Vm.Agent.NONE);
    }

    Optional<String> firmware() {
        return child(root(), "os")
                .flatMap(os -> child(os, "nvram"))
                // libvirt 8.5 and later may write it like a disk: type='file' with a source.
                .map(nvram ->
                        child(nvram, "source").map(e -> e.getAttribute("file")).orElseGet(nvram::getTextContent))
                .map(String::strip)
                .filter(path -> path.startsWith("/"));
    }

    String name() {
        return child(root(), "name").map(Element::getTextContent).orElse("");
    }

    void rename(String name) {
        child(root(), "name").ifPresent(element -> element.setTextContent(name));
    }

    /** Turns this into the definition of another VM; see {@link Manager#prepareClone}. */
    List<String> becomeClone(VmId id, VmName name, Map<DiskName, Path> files, Optional<Path> nvram) {
        rename(name.value());
        return new DomainClone(root(), id, name).separate(files, nvram);
    }

    private Element root() {
        return document.getDocumentElement();
    }

    static Element append(Element parent, String name) {
        Element element = parent.getOwnerDocument().createElement(name);
        parent.appendChild(element);
        return element;
    }

    static Optional<Element> child(Element parent, String name) {
        return children(parent, name).findFirst();
    }

    static Stream<Element> children(Element parent, String name) {
        return children(parent).filter(element -> element.getNodeName().equals(name));
    }

    /** As they are now: what the stream's user removes or adds does not disturb it. */
    static Stream<Element> children(Element parent) {
        NodeList nodes = parent.getChildNodes();
        return IntStream.range(0, nodes.getLength())
                .mapToObj(nodes::item)
                .filter(node -> node.getNodeType() == Node.ELEMENT_NODE)
                .map(Element.class::cast)
                .toList()
                .stream();
    }
}
