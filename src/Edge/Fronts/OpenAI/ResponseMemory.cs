using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>
/// What clients of Responses ask to have kept (<c>store</c>, which is on unless they turn it off) and name later instead of sending it again:
/// responses, the conversations before them, and the items of both. In memory only, bounded, the oldest forgotten first, each for its account
/// alone, none longer than a day: providers are told to keep nothing, since all customers of a channel are one account to them.
/// </summary>
internal sealed class ResponseMemory(long bytesMax, TimeProvider time)
{
    /// <summary>The longest input that is kept, bytes.</summary>
    private const int InputBytesMax = 1024 * 1024;

    /// <summary>The most that a request may name, bytes: what it takes counts against no other budget.</summary>
    private const int NamedBytesMax = 256 * 1024;

    /// <summary>What a place takes beside the bytes in it.</summary>
    private const int PlaceBytes = 512;

    /// <summary>What the name of an item takes.</summary>
    private const int NameBytes = 128;

    private static readonly TimeSpan AgeMax = TimeSpan.FromHours(24);

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Account, string Id), Named> _named = [];
    private readonly Queue<Place> _order = new();
    private long _bytes;

    /// <summary>Puts what a request names in its place. What is not known stays, for whoever reads the request to refuse.</summary>
    /// <param name="previous">The response that it goes on from, if that is known.</param>
    public ReadOnlyMemory<byte> Resolve(string account, ReadOnlyMemory<byte> body, out KeptResponse? previous)
    {
        previous = null;
        if (body.Span.IndexOf("\"item_reference\""u8) < 0 && body.Span.IndexOf("\"previous_response_id\""u8) < 0)
        {
            return body;
        }

        try
        {
            return Replace(account, body.Span, out previous) ?? body;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Whoever reads the request says what is wrong with it.
            return body;
        }
    }

    /// <summary>Keeps what a request asks, whose answer is on its way: the request's own memory may be gone when it is there.</summary>
    /// <param name="input">The request's <c>input</c>, JSON, with all that it named in its place.</param>
    /// <returns>For <see cref="Keep"/>; null where it is too long to be kept.</returns>
    public Place? Begin(string account, ReadOnlySpan<byte> input)
    {
        if (input.Length > Math.Min(InputBytesMax, bytesMax / 8))
        {
            return null;
        }

        var place = new Place(account, ItemsOf(input), time.GetUtcNow());
        lock (_lock)
        {
            _order.Enqueue(place);
            Grow(place, place.Input.Length + PlaceBytes);
        }

        return place;
    }

    /// <summary>Keeps a response that was answered.</summary>
    /// <param name="place">Its request's.</param>
    /// <param name="answer">The response, or the event that ends its stream.</param>
    /// <param name="channel">Where it was made.</param>
    public void Keep(Place place, ReadOnlySpan<byte> answer, string channel)
    {
        if (answer.Length > bytesMax / 8 || KeptResponse.Read(place.Input, answer, channel) is not { } response)
        {
            return;
        }

        lock (_lock)
        {
            if (place.IsGone)
            {
                return;
            }

            place.Response = response;
            Name(response.Id, 0, response.Json.Length);
            foreach (var (id, start, end) in response.Items)
            {
                if (id is not null)
                {
                    Name(id, start, end);
                }
            }

            Grow(place, response.Json.Length + (response.Items.Count * NameBytes));
        }

        void Name(string id, int start, int end) => _named[(place.Account, id)] = new Named(place, response, start, end);
    }

    /// <summary>A response by its id; null where the account has none of that id that is kept.</summary>
    public KeptResponse? Find(string account, string id) => FindNamed(account, id) is { IsResponse: true } named ? named.Response : null;

    /// <summary>Forgets a response and its items.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Forget(string account, string id)
    {
        if (FindNamed(account, id) is not { IsResponse: true } named)
        {
            return false;
        }

        lock (_lock)
        {
            Remove(named.Place);

            // Its place in the order stays until its time has come, and takes room until then.
            named.Place.Bytes = PlaceBytes;
            _bytes += PlaceBytes;
        }

        return true;
    }

    private Named? FindNamed(string account, string id)
    {
        lock (_lock)
        {
            return _named.TryGetValue((account, id), out var named) && time.GetUtcNow() - named.Place.KeptAt <= AgeMax ? named : null;
        }
    }

    /// <summary>Counts what a response takes, and makes room for it.</summary>
    private void Grow(Place place, int bytes)
    {
        place.Bytes += bytes;
        _bytes += bytes;
        while (_order.TryPeek(out var oldest) && (_bytes > bytesMax || oldest.IsGone || time.GetUtcNow() - oldest.KeptAt > AgeMax))
        {
            Remove(_order.Dequeue());
        }
    }

    private void Remove(Place place)
    {
        _bytes -= place.Bytes;
        foreach (var id in place.Response is { } response ? response.Items.Select(static item => item.Id).Append(response.Id) : [])
        {
            // A provider that gives an id twice means the later one.
            if (id is not null && _named.TryGetValue((place.Account, id), out var named) && named.Place == place)
            {
                _named.Remove((place.Account, id));
            }
        }

        place.Clear();
    }

    /// <summary>The request with what it names in its place; null where it names nothing that is known, or too much.</summary>
    private byte[]? Replace(string account, ReadOnlySpan<byte> json, out KeptResponse? previous)
    {
        previous = PreviousOf(json) is { } id ? Find(account, id) : null;
        var items = new ArrayBufferWriter<byte>();
        if (previous is not null)
        {
            AppendConversation(items, previous);
        }

        var hasNamed = previous is not null;
        var taken = items.WrittenCount;
        var made = new ArrayBufferWriter<byte>(json.Length);
        var separator = "{"u8;
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var nameStart = (int)reader.TokenStartIndex;
            var isInput = reader.ValueTextEquals("input"u8);
            var isDropped = previous is not null && reader.ValueTextEquals("previous_response_id"u8);
            reader.Read();
            if (isInput)
            {
                AppendInput(items, account, json, ref reader, ref taken, ref hasNamed);
                if (taken > NamedBytesMax)
                {
                    return null;
                }

                made.Write(separator);
                made.Write("\"input\":["u8);
                made.Write(items.WrittenSpan);
                made.Write("]"u8);
                separator = ","u8;
                continue;
            }

            reader.Skip();
            if (!isDropped)
            {
                made.Write(separator);
                made.Write(json[nameStart..(int)reader.BytesConsumed]);
                separator = ","u8;
            }
        }

        made.Write("}"u8);
        return hasNamed ? made.WrittenSpan.ToArray() : null;
    }

    /// <summary>Appends the input that the reader stands on, each item that it names in its place.</summary>
    /// <param name="taken">Counts bytes that were named.</param>
    private void AppendInput(
        ArrayBufferWriter<byte> items, string account, ReadOnlySpan<byte> json, ref Utf8JsonReader reader, ref int taken, ref bool hasNamed)
    {
        var start = (int)reader.TokenStartIndex;
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            Append(items, ItemsOf(json[start..(int)reader.BytesConsumed]));
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray && taken <= NamedBytesMax)
        {
            start = (int)reader.TokenStartIndex;
            var named = ReferenceOf(reader) is { } id ? FindNamed(account, id) : null;
            reader.Skip();
            if (named is { IsResponse: false } found)
            {
                hasNamed = true;
                taken += found.End - found.Start;
                Append(items, AsInput(found.Response.Json.AsMemory(found.Start..found.End)).Span);
            }
            else
            {
                Append(items, json[start..(int)reader.BytesConsumed]);
            }
        }
    }

    private static void AppendConversation(ArrayBufferWriter<byte> items, KeptResponse response)
    {
        Append(items, response.Input);
        foreach (var (_, start, end) in response.Items)
        {
            Append(items, AsInput(response.Json.AsMemory(start..end)).Span);
        }
    }

    /// <summary>The id of the response that a request goes on from; null where it names none.</summary>
    private static string? PreviousOf(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return null;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isPrevious = reader.ValueTextEquals("previous_response_id"u8);
            reader.Read();
            if (isPrevious)
            {
                return reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            }

            reader.Skip();
        }

        return null;
    }

    /// <summary>The id that the item on which the reader, a copy, stands refers to; null of an item that is one itself.</summary>
    private static string? ReferenceOf(Utf8JsonReader item)
    {
        if (item.TokenType != JsonTokenType.StartObject)
        {
            return null;
        }

        var (isReference, id) = (false, (string?)null);
        while (item.Read() && item.TokenType == JsonTokenType.PropertyName)
        {
            var (isType, isId) = (item.ValueTextEquals("type"u8), item.ValueTextEquals("id"u8));
            item.Read();
            if (item.TokenType == JsonTokenType.String)
            {
                isReference |= isType && item.ValueTextEquals("item_reference"u8);
                id = isId ? item.GetString() : id;
            }

            item.Skip();
        }

        return isReference ? id : null;
    }

    /// <summary>The input as items, separated by commas.</summary>
    private static byte[] ItemsOf(ReadOnlySpan<byte> input) => input is [(byte)'[', ..]
        ? input[1..^1].Trim(" \t\r\n"u8).ToArray()
        : [.. "{\"role\":\"user\",\"content\":"u8, .. input, (byte)'}'];

    /// <summary>An item as it is sent back: without an id, which nobody knows any more; nothing of reasoning that only its provider had.</summary>
    private static ReadOnlyMemory<byte> AsInput(ReadOnlyMemory<byte> item)
    {
        var (isReasoning, isSigned) = (false, false);
        var reader = new Utf8JsonReader(item.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isType, isSignature) = (reader.ValueTextEquals("type"u8), reader.ValueTextEquals("encrypted_content"u8));
            reader.Read();
            isReasoning |= isType && reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("reasoning"u8);
            isSigned |= isSignature && reader.TokenType == JsonTokenType.String;
            reader.Skip();
        }

        return isReasoning && !isSigned ? default : JsonMembers.Without(item, static name => name == "id");
    }

    private static void Append(ArrayBufferWriter<byte> items, ReadOnlySpan<byte> item)
    {
        if (!item.IsEmpty)
        {
            items.Write(items.WrittenCount == 0 ? ""u8 : ","u8);
            items.Write(item);
        }
    }

    /// <summary>The place of a request, and of its response once that is there. Changed under the memory's lock.</summary>
    /// <param name="input">The request's items, JSON, separated by commas.</param>
    internal sealed class Place(string account, byte[] input, DateTimeOffset keptAt)
    {
        public string Account => account;

        public DateTimeOffset KeptAt => keptAt;

        public byte[] Input { get; private set; } = input;

        public KeptResponse? Response { get; set; }

        public long Bytes { get; set; }

        public bool IsGone { get; private set; }

        public void Clear() => (IsGone, Input, Response, Bytes) = (true, [], null, 0);
    }

    /// <summary>What an id stands for: a response, or an item in it.</summary>
    private sealed record Named(Place Place, KeptResponse Response, int Start, int End)
    {
        public bool IsResponse => Start == 0;
    }
}
