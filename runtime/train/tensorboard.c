// TensorBoard's event files: records (length, its checksum, bytes, their checksum; all little-endian) of
// Event messages in the wire format of Protocol Buffers:
//     Event   { 1: double wall_time, 2: int64 step, 3: string file_version, 5: Summary summary }
//     Summary { 1: Value value }    Value { 1: string tag, 2: float simple_value }
#include "runtime/durable.h"
#include "runtime/train/history.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MESSAGE = 512 };
typedef struct { unsigned char bytes[MOST_MESSAGE]; size_t size; } Message;

// --- checksums ------------------------------------------------------------------------------------

// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), bit by bit: records are short.
static uint32_t crc32c(const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= from[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
    }
    return ~crc;
}

// As the format wants it, so that the checksum of a checksum is none.
static uint32_t masked(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }

// --- messages -------------------------------------------------------------------------------------

static void add_bytes(Message *m, const void *bytes, size_t size)
{
    if (m->size + size <= MOST_MESSAGE) {
        memcpy(m->bytes + m->size, bytes, size);
        m->size += size;
    }
}

static void add_number(Message *m, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++)
        add_bytes(m, &(unsigned char){ (unsigned char)(x >> 8 * i) }, 1);
}

static void add_varint(Message *m, uint64_t x)
{
    for (; x > 0x7f; x >>= 7)
        add_number(m, (x & 0x7f) | 0x80, 1);
    add_number(m, x, 1);
}

typedef enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 } Wire;

static void add_key(Message *m, unsigned field, Wire wire) { add_varint(m, field << 3 | wire); }

static void add_part(Message *m, unsigned field, const void *bytes, size_t size)
{
    add_key(m, field, WIRE_BYTES);
    add_varint(m, size);
    add_bytes(m, bytes, size);
}

static void add_time(Message *m, double time)
{
    uint64_t bits;
    memcpy(&bits, &time, sizeof bits);
    add_key(m, 1, WIRE_64);
    add_number(m, bits, 8);
}

static Message scalar(const HistoryRow *row, const char *column, double x)
{
    Message value = { .size = 0 }, summary = { .size = 0 }, event = { .size = 0 };
    char tag[256];
    float single = (float)x;
    uint32_t bits;
    snprintf(tag, sizeof tag, "%s/%.200s", history_kind(row->kind), column);
    memcpy(&bits, &single, sizeof bits);
    add_part(&value, 1, tag, strlen(tag));
    add_key(&value, 2, WIRE_32);
    add_number(&value, bits, 4);
    add_part(&summary, 1, value.bytes, value.size);
    add_time(&event, row->time);
    add_key(&event, 2, WIRE_VARINT);
    add_varint(&event, (uint64_t)row->step);
    add_part(&event, 5, summary.bytes, summary.size);
    return event;
}

// --- the file -------------------------------------------------------------------------------------

static void put_record(FILE *out, const Message *m)
{
    Message head = { .size = 0 }, tail = { .size = 0 };
    add_number(&head, m->size, 8);
    add_number(&head, masked(crc32c(head.bytes, 8)), 4);
    add_number(&tail, masked(crc32c(m->bytes, m->size)), 4);
    fwrite(head.bytes, 1, head.size, out);
    fwrite(m->bytes, 1, m->size, out);
    fwrite(tail.bytes, 1, tail.size, out);
}

static void put_events(const History *h, double began, FILE *out)
{
    static const char version[] = "brain.Event:2";
    Message first = { .size = 0 };
    add_time(&first, began);
    add_part(&first, 3, version, sizeof version - 1);
    put_record(out, &first);
    for (int i = 0; i < h->row_count; i++)
        for (int k = 0; k < h->column_count; k++) {
            double x = history_value(h, i, k);
            if (isnan(x))
                continue;
            Message event = scalar(&h->rows[i], h->columns[k], x);
            put_record(out, &event);
        }
}

bool history_tensorboard(const History *h, const char *folder, char **path, char err[HISTORY_ERROR])
{
    char *bytes = NULL, name[PATH_MAX];
    size_t size = 0;
    double began = h->row_count ? h->rows[0].time : 0;
    *path = NULL;
    snprintf(err, HISTORY_ERROR, "out of memory");
    FILE *out = open_memstream(&bytes, &size);
    if (!out)
        return false;
    put_events(h, began, out);
    bool fine = fclose(out) == 0;
    snprintf(name, sizeof name, "%s/events.out.tfevents.%lld.cleave", folder, (long long)began);
    fine = fine && durable_write(name, bytes, size, err) && (*path = strdup(name));
    free(bytes);
    return fine;
}
