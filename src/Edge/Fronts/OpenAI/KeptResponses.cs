using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>Gives responses that are kept, and the items that they answer, again; and forgets them.</summary>
internal static class KeptResponses
{
    private const int PageDefault = 20;
    private const int PageMax = 100;

    public static void Map(FrontRoutes routes, IFront front)
    {
        routes.Own("/v1/responses/{id}", (HttpMethods.Get, Of(GetAsync)), (HttpMethods.Delete, Of(DeleteAsync)));
        routes.Own("/v1/responses/{id}/input_items", (HttpMethods.Get, Of(ListInputAsync)));
        routes.Own("/v1/responses/{id}/cancel", (HttpMethods.Post, Of((context, _, _) => RefuseAsync(
            context, "Cannot cancel a response that was not created with 'background': this gateway runs none in the background. Close the connection of one that runs."))));

        Func<HttpContext, Task> Of(Func<HttpContext, string, KeptResponse, Task> answer) => async context =>
        {
            if (await context.RequestServices.GetRequiredService<Callers>().AuthenticateAsync(context, front, isRequest: true) is not ({ } account, _))
            {
                return;
            }

            var id = context.Request.RouteValues["id"] as string ?? "";
            await (MemoryOf(context).Find(account, id) is { } response ? answer(context, account, response) : ErrorReply.WriteAsync(context, front, NotFound(id)));
        };

        Task RefuseAsync(HttpContext context, string message, string? param = null) =>
            ErrorReply.WriteAsync(context, front, new ApiError(ErrorKind.InvalidRequest, message, param, param is null ? null : "unsupported_value"));

        Task GetAsync(HttpContext context, string account, KeptResponse response) => context.Request.Query["stream"] == "true"
            ? RefuseAsync(context, "Invalid 'stream': only a response that runs in the background is streamed again, and this gateway runs none. Get it without 'stream'.", "stream")
            : JsonReply.WriteAsync(context, response.Json);

        async Task ListInputAsync(HttpContext context, string account, KeptResponse response)
        {
            var query = context.Request.Query;
            if (!TryReadLimit(query["limit"], out var limit) || query["order"].ToString() is not ("" or "asc" or "desc"))
            {
                await RefuseAsync(context, $"Invalid 'limit' or 'order': expected 1 to {PageMax}, and 'asc' or 'desc'.", "limit");
                return;
            }

            var items = InputOf(response);
            if (query["order"] != "asc")
            {
                items.Reverse();
            }

            var after = query["after"].ToString();
            var from = after.Length == 0 ? 0 : items.FindIndex(item => item.Id == after) + 1;
            if (after.Length > 0 && from == 0)
            {
                await RefuseAsync(context, "Invalid 'after': the response has no input item of that id.", "after");
                return;
            }

            await JsonReply.WriteAsync(context, json => WritePage(json, items, from, limit));
        }
    }

    private static async Task DeleteAsync(HttpContext context, string account, KeptResponse response)
    {
        MemoryOf(context).Forget(account, response.Id);
        await JsonReply.WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteString("id"u8, response.Id);
            json.WriteString("object"u8, "response"u8);
            json.WriteBoolean("deleted"u8, true);
            json.WriteEndObject();
        });
    }

    private static void WritePage(Utf8JsonWriter json, List<(string Id, ReadOnlyMemory<byte> Json)> items, int from, int limit)
    {
        var to = Math.Min(items.Count, from + limit);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        for (var i = from; i < to; i++)
        {
            json.WriteRawValue(items[i].Json.Span, skipInputValidation: true);
        }

        json.WriteEndArray();
        json.WriteString("first_id"u8, from < to ? items[from].Id : null);
        json.WriteString("last_id"u8, from < to ? items[to - 1].Id : null);
        json.WriteBoolean("has_more"u8, to < items.Count);
        json.WriteEndObject();
    }

    /// <summary>What a response answers, each item in its full form and with an id. An item that cannot be read in that way stays as it is.</summary>
    private static List<(string Id, ReadOnlyMemory<byte> Json)> InputOf(KeptResponse response)
    {
        var items = new List<(string, ReadOnlyMemory<byte>)>();
        ReadOnlyMemory<byte> list = (byte[])[.. "{\"input\":["u8, .. response.Input, .. "]}"u8];
        JsonMembers.WithItems(list, "input", item =>
        {
            items.Add(Full(item, items.Count, response.Id));
            return item;
        });
        return items;
    }

    private static (string Id, ReadOnlyMemory<byte> Json) Full(ReadOnlyMemory<byte> item, int index, string response)
    {
        var type = JsonMembers.Text(item, "type") ?? "message";
        var content = JsonMembers.Value(item, "content");
        if (type == "message" && content is { IsEmpty: false } && content.Span[0] == '"')
        {
            var part = JsonMembers.Text(item, "role") == "assistant" ? "output_text"u8 : "input_text"u8;
            item = JsonMembers.With(item, "content", [.. "[{\"type\":\""u8, .. part, .. "\",\"text\":"u8, .. content.Span, .. "}]"u8]);
        }

        var id = JsonMembers.Text(item, "id");
        var given = id ?? string.Create(CultureInfo.InvariantCulture, $"{(type == "message" ? "msg" : "item")}_{index}_{response}");
        byte[] start = JsonMembers.Value(item, "type").IsEmpty ? [.. "\"type\":\"message\","u8] : [];
        start = id is null ? [.. start, .. "\"id\":"u8, .. JsonBytes.Quote(given), (byte)','] : start;
        return (given, item.Span is [(byte)'{', ..] && start.Length > 0 ? (byte[])[(byte)'{', .. start, .. item.Span[1..]] : item);
    }

    private static bool TryReadLimit(string? text, out int limit)
    {
        limit = PageDefault;
        return string.IsNullOrEmpty(text)
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit is >= 1 and <= PageMax);
    }

    private static ResponseMemory MemoryOf(HttpContext context) => context.RequestServices.GetRequiredService<ResponseMemory>();

    private static ApiError NotFound(string id) => new(
        ErrorKind.UnknownUrl,
        $"Response with id '{(id.Length <= 64 ? id : id[..64])}' not found: it is too old, of another account, or was not to be kept.",
        Code: "response_not_found");
}
