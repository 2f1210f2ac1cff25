import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads streamproc's triggers and deploys with Apache's own client, and handles each event once.
 *
 * <p>What an event is stands in its headers: CloudEvents 1.0 in Kafka's binary mode. So a record is told apart, routed and
 * recognised as a repeat without a look into its JSON.
 *
 * <pre>java -cp "lib/*" TriggerConsumer.java BOOTSTRAP_SERVERS GROUP SEEN_FILE TOPIC...</pre>
 *
 * <p>Two things make an event count once: `read_committed` leaves out what a transaction has undone, and the ids in
 * SEEN_FILE leave out what was written or read twice. An id is kept after its event was handled and before the offset is
 * committed: a crash in between repeats, it never loses. `handle` must bear that; the id is the key to do so.
 */
public final class TriggerConsumer {

    private static final Duration WAIT = Duration.ofMillis(500);

    private TriggerConsumer() {}

    public static void main(String[] arguments) throws IOException {
        if (arguments.length < 4) {
            System.err.println("usage: TriggerConsumer BOOTSTRAP_SERVERS GROUP SEEN_FILE TOPIC...");
            System.exit(2);
        }
        List<String> topics = Arrays.asList(arguments).subList(3, arguments.length);
        try (Seen seen = new Seen(Path.of(arguments[2]));
                KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings(arguments[0], arguments[1]))) {
            stopOnSignal(consumer, Thread.currentThread());
            consumer.subscribe(topics);
            while (true) {
                for (ConsumerRecord<String, String> record : consumer.poll(WAIT)) {
                    take(record, seen);
                }
                consumer.commitSync(); // after all of them were handled; with nothing new it asks nobody
            }
        } catch (WakeupException stopped) {
            System.err.println("stopped");
        }
    }

    private static Map<String, Object> settings(String servers, String group) {
        return Map.of(
                ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, servers,
                ConsumerConfig.GROUP_ID_CONFIG, group,
                ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed", // Java's default shows undone triggers too
                ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false,
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest", // a new group misses no trigger
                ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class,
                ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
    }

    private static void take(ConsumerRecord<String, String> record, Seen seen) throws IOException {
        String id = header(record, "ce_id");
        String type = header(record, "ce_type");
        if (!"1.0".equals(header(record, "ce_specversion")) || id == null || type == null) {
            // A deploy event that somebody's own pipeline wrote need not have them.
            System.err.printf("no CloudEvent: %s-%d@%d%n", record.topic(), record.partition(), record.offset());
        } else if (seen.contains(id)) {
            say("repeat", type, id);
        } else {
            switch (type) {
                case "dev.streamproc.trigger" -> handle("retrain", record, id);
                case "dev.streamproc.deploy" -> handle("deploy", record, id);
                default -> say("ignored", type, id); // a newer streamproc may write more
            }
            seen.add(id);
        }
    }

    /** Yours to write: start a training, swap a model, tell somebody. */
    private static void handle(String what, ConsumerRecord<String, String> record, String id) {
        say(what, id, header(record, "ce_subject"), header(record, "ce_time"), header(record, "ce_source"), record.value());
    }

    /** The newest header of that name as text, or null. */
    private static String header(ConsumerRecord<?, ?> record, String name) {
        Header found = record.headers().lastHeader(name);
        return found == null || found.value() == null ? null : new String(found.value(), StandardCharsets.UTF_8);
    }

    private static void say(String... words) {
        System.out.println(String.join("\t", words));
    }

    /** Ctrl-C and SIGTERM let the record in hand be finished, and the group hear of it, before the process ends. */
    private static void stopOnSignal(KafkaConsumer<?, ?> consumer, Thread reading) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            consumer.wakeup();
            try {
                reading.join();
            } catch (InterruptedException hurried) {
                Thread.currentThread().interrupt();
            }
        }));
    }

    /** The ids of handled events: a line each in a file that outlives the process. One reader of it at a time. */
    private static final class Seen implements AutoCloseable {

        private final Set<String> ids;
        private final FileChannel file;

        Seen(Path path) throws IOException {
            ids = new HashSet<>(Files.exists(path) ? Files.readAllLines(path) : List.of());
            file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        }

        boolean contains(String id) {
            return ids.contains(id);
        }

        void add(String id) throws IOException {
            // The line end first: a line that a crash has cut short must not take the next one with it.
            file.write(ByteBuffer.wrap(("\n" + id).getBytes(StandardCharsets.UTF_8)));
            file.force(false); // a power cut must not take away what the committed offset then skips
            ids.add(id);
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }
}
