using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;

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
            var from = after.Length == 0 ? 0 : items.FindIndex(item => (string?)item["id"] == after) + 1;
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

    private static void WritePage(Utf8JsonWriter json, List<JsonObject> items, int from, int limit)
    {
        var to = Math.Min(items.Count, from + limit);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        for (var i = from; i < to; i++)
        {
            items[i].WriteTo(json);
        }

        json.WriteEndArray();
        json.WriteString("first_id"u8, from < to ? (string?)items[from]["id"] : null);
        json.WriteString("last_id"u8, from < to ? (string?)items[to - 1]["id"] : null);
        json.WriteBoolean("has_more"u8, to < items.Count);
        json.WriteEndObject();
    }

    /// <summary>What a response answers, each item in its full form and with an id.</summary>
    private static List<JsonObject> InputOf(KeptResponse response)
    {
        var items = JsonNode.Parse($"[{Encoding.UTF8.GetString(response.Input)}]")!.AsArray().OfType<JsonObject>().ToList();
        for (var i = 0; i < items.Count; i++)
        {
            var item = items[i];
            var type = (string?)item["type"] ?? "message";
            if (type == "message" && item["content"] is JsonValue text)
            {
                var part = (string?)item["role"] == "assistant" ? "output_text" : "input_text";
                item["content"] = new JsonArray(new JsonObject { ["type"] = part, ["text"] = text.DeepClone() });
            }

            item["type"] = type;
            item["id"] ??= string.Create(CultureInfo.InvariantCulture, $"{(type == "message" ? "msg" : "item")}_{i}_{response.Id}");
        }

        return items;
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
