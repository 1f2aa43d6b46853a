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
                ReadTokens(ref likely, writer);
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
            WriteTokens(ref reader, writer);
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

    /// <summary>The candidates of one step.</summary>
    private static void ReadTokens(ref Utf8JsonReader step, IBufferWriter<byte> writer)
    {
        while (step.Read() && step.TokenType == JsonTokenType.PropertyName)
        {
            var areCandidates = step.IsText("candidates");
            step.Read();
            if (!areCandidates || step.TokenType != JsonTokenType.StartArray)
            {
                step.Skip();
                continue;
            }

            for (var separator = ""u8; step.Read() && step.TokenType == JsonTokenType.StartObject; separator = ","u8)
            {
                writer.Write(separator);
                ReadToken(ref step, writer);
                writer.Write("}"u8);
            }
        }
    }

    /// <summary>Writes a token without the end of its object: an absent probability is the number 0.</summary>
    private static void ReadToken(ref Utf8JsonReader candidate, IBufferWriter<byte> writer)
    {
        ReadOnlySpan<byte> token = default, logprob = "0"u8;
        while (candidate.Read() && candidate.TokenType == JsonTokenType.PropertyName)
        {
            var isToken = candidate.IsText("token");
            var isProbability = candidate.IsText("logProbability");
            candidate.Read();
            token = isToken && candidate.TokenType == JsonTokenType.String ? candidate.ValueSpan : token;
            logprob = isProbability && candidate.TokenType == JsonTokenType.Number ? candidate.ValueSpan : logprob;
            candidate.Skip();
        }

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

    /// <summary>The likely tokens of one of the list, as candidates.</summary>
    private static void WriteTokens(ref Utf8JsonReader item, IBufferWriter<byte> writer)
    {
        while (item.Read() && item.TokenType == JsonTokenType.PropertyName)
        {
            var areLikely = item.IsText("top_logprobs");
            item.Read();
            if (!areLikely || item.TokenType != JsonTokenType.StartArray)
            {
                item.Skip();
                continue;
            }

            for (var separator = ""u8; item.Read() && item.TokenType == JsonTokenType.StartObject; separator = ","u8)
            {
                writer.Write(separator);
                WriteToken(ref item, writer);
            }
        }
    }

    private static void WriteToken(ref Utf8JsonReader item, IBufferWriter<byte> writer)
    {
        ReadOnlySpan<byte> token = default, logprob = "0"u8;
        while (item.Read() && item.TokenType == JsonTokenType.PropertyName)
        {
            var isToken = item.IsText("token");
            var isProbability = item.IsText("logprob");
            item.Read();
            token = isToken && item.TokenType == JsonTokenType.String ? item.ValueSpan : token;
            logprob = isProbability && item.TokenType == JsonTokenType.Number ? item.ValueSpan : logprob;
            item.Skip();
        }

        writer.Write("{\"token\":\""u8);
        writer.Write(token);
        writer.Write("\",\"logProbability\":"u8);
        writer.Write(logprob);
        writer.Write("}"u8);
    }
}
