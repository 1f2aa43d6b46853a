using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>
/// How likely tokens were, between Gemini's <c>logprobsResult</c>, which has the chosen tokens and those that were likely in two lists, and the
/// one list of Chat Completions.
/// </summary>
internal static class GeminiLogprobs
{
    /// <summary>Writes a result as the items of Chat Completions' list, without its brackets.</summary>
    /// <param name="result">Stands on the result's beginning.</param>
    public static void Read(Utf8JsonReader result, IBufferWriter<byte> writer)
    {
        Utf8JsonReader chosen = default, likely = default;
        while (result.Read() && result.TokenType == JsonTokenType.PropertyName)
        {
            var areChosen = result.IsText("chosenCandidates");
            var areLikely = result.IsText("topCandidates");
            result.Read();
            if (result.TokenType == JsonTokenType.StartArray)
            {
                chosen = areChosen ? result : chosen;
                likely = areLikely ? result : likely;
            }

            result.Skip();
        }

        var separator = ""u8;
        while (chosen.TokenType != JsonTokenType.None && chosen.Read() && chosen.TokenType == JsonTokenType.StartObject)
        {
            writer.Write(separator);
            ReadToken(ref chosen, writer);
            writer.Write(",\"top_logprobs\":["u8);
            if (likely.TokenType != JsonTokenType.None && likely.Read() && likely.TokenType == JsonTokenType.StartObject)
            {
                EachOf(ref likely, "candidates", writer, static (ref candidate, writer) =>
                {
                    ReadToken(ref candidate, writer);
                    writer.Write("}"u8);
                });
            }

            writer.Write("]}"u8);
            separator = ","u8;
        }
    }

    /// <summary>Writes a result of what stands in Chat Completions' list.</summary>
    public static void Write(IBufferWriter<byte> writer, ReadOnlySpan<byte> list)
    {
        byte[] json = [(byte)'[', .. list, (byte)']'];
        writer.Write("{\"topCandidates\":["u8);
        var reader = new Utf8JsonReader(json);
        reader.Read();
        for (var separator = ""u8; reader.Read() && reader.TokenType == JsonTokenType.StartObject; separator = ","u8)
        {
            writer.Write(separator);
            writer.Write("{\"candidates\":["u8);
            EachOf(ref reader, "top_logprobs", writer, WriteToken);
            writer.Write("]}"u8);
        }

        writer.Write("],\"chosenCandidates\":["u8);
        reader = new Utf8JsonReader(json);
        reader.Read();
        for (var separator = ""u8; reader.Read() && reader.TokenType == JsonTokenType.StartObject; separator = ","u8)
        {
            writer.Write(separator);
            WriteToken(ref reader, writer);
        }

        writer.Write("]}"u8);
    }

    /// <summary>Writes every token of an object's list, whatever else the object has.</summary>
    private static void EachOf(ref Utf8JsonReader owner, string list, IBufferWriter<byte> writer, TokenWriter write)
    {
        while (owner.Read() && owner.TokenType == JsonTokenType.PropertyName)
        {
            var isList = owner.IsText(list);
            owner.Read();
            if (!isList || owner.TokenType != JsonTokenType.StartArray)
            {
                owner.Skip();
                continue;
            }

            for (var separator = ""u8; owner.Read() && owner.TokenType == JsonTokenType.StartObject; separator = ","u8)
            {
                writer.Write(separator);
                write(ref owner, writer);
            }
        }
    }

    /// <summary>Reads a token as it is escaped, and how likely it was: an absent probability is the number 0.</summary>
    private static void Read(ref Utf8JsonReader item, string probability, out ReadOnlySpan<byte> token, out ReadOnlySpan<byte> logprob)
    {
        token = default;
        logprob = "0"u8;
        while (item.Read() && item.TokenType == JsonTokenType.PropertyName)
        {
            var isToken = item.IsText("token");
            var isProbability = item.IsText(probability);
            item.Read();
            token = isToken && item.TokenType == JsonTokenType.String ? item.ValueSpan : token;
            logprob = isProbability && item.TokenType == JsonTokenType.Number ? item.ValueSpan : logprob;
            item.Skip();
        }
    }

    /// <summary>Writes one of Gemini's as Chat Completions', without the end of its object.</summary>
    private static void ReadToken(ref Utf8JsonReader candidate, IBufferWriter<byte> writer)
    {
        Read(ref candidate, "logProbability", out var token, out var logprob);
        writer.Write("{\"token\":\""u8);
        writer.Write(token);
        writer.Write("\",\"logprob\":"u8);
        writer.Write(logprob);
        writer.Write(",\"bytes\":["u8);
        var separator = ""u8;
        foreach (var one in GeminiJson.Unescape(token))
        {
            writer.Write(separator);
            Utf8Formatter.TryFormat(one, writer.GetSpan(3), out var written);
            writer.Advance(written);
            separator = ","u8;
        }

        writer.Write("]"u8);
    }

    /// <summary>Writes one of Chat Completions' as Gemini's.</summary>
    private static void WriteToken(ref Utf8JsonReader item, IBufferWriter<byte> writer)
    {
        Read(ref item, "logprob", out var token, out var logprob);
        writer.Write("{\"token\":\""u8);
        writer.Write(token);
        writer.Write("\",\"logProbability\":"u8);
        writer.Write(logprob);
        writer.Write("}"u8);
    }

    private delegate void TokenWriter(ref Utf8JsonReader token, IBufferWriter<byte> writer);
}
