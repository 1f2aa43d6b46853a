using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Edge.Dialects;

/// <summary>
/// A request as channels get it that leave out some of its fields: what they are set to drop, and what has no price. It is read again once for
/// each set of fields.
/// </summary>
/// <param name="request">The request as every other channel gets it.</param>
/// <param name="body">Its body.</param>
/// <param name="read">Reads what is left of it.</param>
internal sealed class DroppedFields<TRequest>(TRequest request, ReadOnlyMemory<byte> body, Func<ReadOnlyMemory<byte>, TRequest> read)
{
    private readonly List<(ImmutableArray<string> Names, TRequest Request)> _without = [];

    /// <summary>The request for a channel.</summary>
    public TRequest For(Channel channel, CostBound bound)
    {
        if (channel.DropParams.IsEmpty && bound.Unpriced.Count == 0)
        {
            return request;
        }

        foreach (var (names, made) in _without)
        {
            if (names.SequenceEqual(channel.DropParams))
            {
                return made;
            }
        }

        var without = read(DroppedFields.Remove(body, bound.Unpriced, channel.DropParams));
        _without.Add((channel.DropParams, without));
        return without;
    }
}

/// <summary>Leaves fields out of a request, and of its tools, wherever they stand, those that the provider would run and that have no price.</summary>
internal static class DroppedFields
{
    private static readonly string[] OfTools = ["tools", "tool_choice", "parallel_tool_calls"];

    /// <summary>The body without them, every value that stays byte for byte. Without any tool left, the choice of one goes as well.</summary>
    /// <param name="body">A JSON object that was read, without duplicate names.</param>
    /// <param name="names">None that bounds the cost.</param>
    public static ReadOnlyMemory<byte> Remove(ReadOnlyMemory<byte> body, IReadOnlyList<PricedField> unpriced, IReadOnlyCollection<string> names)
    {
        var kinds = unpriced.Where(static field => field.Field == "tools").Select(static field => field.Value).ToHashSet(StringComparer.Ordinal);
        var dropped = unpriced.Where(static field => field.Field != "tools").Select(static field => field.Field).Concat(names).ToHashSet(StringComparer.Ordinal);
        if (kinds.Count > 0)
        {
            var copy = new ToolCopy(body.Span, kinds);
            body = copy.Copy();
            var (keepsAny, choosesDropped) = (copy.KeepsAny, copy.ChoosesDropped);
            dropped.UnionWith(OfTools.Where(name => !keepsAny || (choosesDropped && name == "tool_choice")));
        }

        return dropped.Count == 0 ? body : JsonMembers.Without(body, dropped.Contains);
    }

    /// <summary>One pass over a body that copies it without some kinds of tools. Methods that copy a value start on its first token and end on its last.</summary>
    private ref struct ToolCopy(ReadOnlySpan<byte> json, HashSet<string> kinds)
    {
        private readonly ReadOnlySpan<byte> _json = json;
        private readonly ArrayBufferWriter<byte> _kept = new(json.Length);
        private Utf8JsonReader _reader = new(json);

        /// <summary>Whether a tool of the first level stays.</summary>
        public bool KeepsAny { get; private set; }

        /// <summary>Whether the choice of a tool names one that goes.</summary>
        public bool ChoosesDropped { get; private set; }

        public ReadOnlyMemory<byte> Copy()
        {
            _reader.Read();
            var separator = "{"u8;
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                var (areTools, areItems, isChoice) = (_reader.IsText("tools"), _reader.IsText("input"), _reader.IsText("tool_choice"));
                CopyName(separator);
                separator = ","u8;
                ChoosesDropped |= isChoice && IsDropped(_reader);
                if (areTools)
                {
                    KeepsAny = CopyTools();
                }
                else if (areItems && _reader.TokenType == JsonTokenType.StartArray)
                {
                    CopyItems();
                }
                else
                {
                    CopyValue();
                }
            }

            _kept.Write("}"u8);
            return _kept.WrittenMemory;
        }

        /// <summary>Copies a list of tools without those; of each that stays the tools within it.</summary>
        /// <returns>Whether any stays.</returns>
        private bool CopyTools()
        {
            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                CopyValue();
                return false;
            }

            var separator = "["u8;
            while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
            {
                if (IsDropped(_reader))
                {
                    _reader.Skip();
                    continue;
                }

                _kept.Write(separator);
                separator = ","u8;
                CopyOwner();
            }

            _kept.Write(separator[0] == '[' ? "[]"u8 : "]"u8);
            return separator[0] == ',';
        }

        /// <summary>Copies items, of which some have tools.</summary>
        private void CopyItems()
        {
            var separator = "["u8;
            while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
            {
                _kept.Write(separator);
                separator = ","u8;
                CopyOwner();
            }

            _kept.Write(separator[0] == '[' ? "[]"u8 : "]"u8);
        }

        /// <summary>Copies what may have tools.</summary>
        private void CopyOwner()
        {
            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                CopyValue();
                return;
            }

            var separator = "{"u8;
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                var areTools = _reader.IsText("tools");
                CopyName(separator);
                separator = ","u8;
                if (areTools)
                {
                    CopyTools();
                }
                else
                {
                    CopyValue();
                }
            }

            _kept.Write(separator[0] == '{' ? "{}"u8 : "}"u8);
        }

        /// <summary>Copies a member's name, and goes on to its value.</summary>
        private void CopyName(ReadOnlySpan<byte> separator)
        {
            var start = (int)_reader.TokenStartIndex;
            _reader.Read();
            _kept.Write(separator);
            _kept.Write(_json[start..(int)_reader.TokenStartIndex]);
        }

        private void CopyValue()
        {
            var start = (int)_reader.TokenStartIndex;
            _reader.Skip();
            _kept.Write(_json[start..(int)_reader.BytesConsumed]);
        }

        /// <summary>Whether the object that the reader, a copy, stands on is of one of the kinds.</summary>
        private readonly bool IsDropped(Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isType = reader.IsText("type");
                reader.Read();
                foreach (var kind in kinds)
                {
                    if (isType && reader.IsText(kind))
                    {
                        return true;
                    }
                }

                reader.Skip();
            }

            return false;
        }
    }
}
