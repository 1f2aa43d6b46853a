using System.Buffers;
using Orleans;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;

namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>
/// Usage in messages: a field for each unit that is not 0. Silos of two releases understand each other, so a unit's field stays what it is,
/// and one that is not known is passed over.
/// </summary>
[RegisterSerializer]
public sealed class UsageCodec : IFieldCodec<Usage>
{
    private const uint EstimatedField = 11;

    /// <inheritdoc/>
    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, Usage value)
        where TBufferWriter : IBufferWriter<byte>
    {
        ReferenceCodec.MarkValueField(writer.Session);
        writer.WriteStartObject(fieldIdDelta, expectedType, typeof(Usage));
        writer.WriteEndBase(); // As the code that Orleans generates for a record.
        var last = 0u;
        for (var id = 0u; id <= Units.Count; id++)
        {
            if (id == EstimatedField ? !value.IsEstimated : value[UnitOf(id)] == 0)
            {
                continue;
            }
            if (id == EstimatedField)
            {
                BoolCodec.WriteField(ref writer, id - last, true);
            }
            else
            {
                Int64Codec.WriteField(ref writer, id - last, value[UnitOf(id)]);
            }
            last = id;
        }
        writer.WriteEndObject();
    }

    /// <inheritdoc/>
    public Usage ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        field.EnsureWireTypeTagDelimited();
        ReferenceCodec.MarkValueField(reader.Session);
        var counts = default(PerUnit);
        var isEstimated = false;
        var id = 0u;
        while (true)
        {
            var header = reader.ReadFieldHeader();
            if (header.IsEndBaseFields)
            {
                continue;
            }
            if (header.IsEndObject)
            {
                return new Usage(counts) { IsEstimated = isEstimated };
            }
            id += header.FieldIdDelta;
            if (id == EstimatedField)
            {
                isEstimated = BoolCodec.ReadValue(ref reader, header);
            }
            else if (id <= Units.Count)
            {
                counts[(int)UnitOf(id)] = Int64Codec.ReadValue(ref reader, header);
            }
            else
            {
                reader.ConsumeUnknownField(header);
            }
        }
    }

    /// <summary>Of any field but <see cref="EstimatedField"/>.</summary>
    private static Unit UnitOf(uint id) => (Unit)(id < EstimatedField ? id : id - 1);
}
